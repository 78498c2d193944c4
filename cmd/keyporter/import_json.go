package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// jsonReader reads lines with one JSON object each.
type jsonReader struct {
	lines *bufio.Scanner
	line  int
}

func newJSONReader(in *bufio.Reader) *jsonReader {
	r := &jsonReader{lines: bufio.NewScanner(in)}
	r.lines.Buffer(nil, maxImportLine)
	return r
}

func (r *jsonReader) next() (line int, row importRow, err error) {
	for r.lines.Scan() {
		r.line++
		text := bytes.TrimSpace(r.lines.Bytes())
		if len(text) == 0 {
			continue
		}
		if !utf8.Valid(text) { // the decoder would replace the invalid bytes
			return r.line, row, lineFault("It contains bytes that aren't UTF-8.")
		}
		return r.line, row, row.readJSON(json.NewDecoder(bytes.NewReader(text)))
	}
	if err = r.lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return r.line + 1, row, errLongLine
	}
	if err == nil {
		err = io.EOF
	}
	return r.line, row, err
}

const (
	noObject = lineFault("It must be one JSON object with strings in it, and true or false for enabled.")
	noMember = lineFault("It has a member other than login, name, token, sha256, enabled, expires, and kind, or has one of them twice.")
)

// readJSON reads an object. It is stricter than encoding/json: names can have any letter case, but
// must be known and not repeated.
func (r *importRow) readJSON(d *json.Decoder) error {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return noObject
	}
	var seen [numColumns]bool
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return noObject
		}
		text, _ := name.(string) // the decoder accepts nothing else here
		column, ok := columnOf(text)
		if !ok || seen[column] {
			return noMember
		}
		seen[column] = true
		value, err := d.Token()
		switch v := value.(type) {
		case string:
			r[column] = strings.TrimSpace(v)
		case bool:
			if column != columnEnabled {
				return noObject
			}
			r[column] = map[bool]string{true: "true", false: "false"}[v]
		default:
			if err != nil || value != nil { // null means no value
				return noObject
			}
		}
	}
	if _, err := d.Token(); err != nil {
		return noObject
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return noObject
	}
	return nil
}
