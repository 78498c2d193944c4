package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"io"
	"strings"
)

// csvReader reads comma-separated values (RFC 4180) whose first line names the columns.
type csvReader struct {
	csv     *csv.Reader
	in      *limited
	columns []int // of each field
	line    int   // of the last record
}

// limited is a reader that stops when one record gets too long.
type limited struct {
	in          io.Reader
	read, limit int64
}

func (l *limited) Read(p []byte) (n int, err error) {
	if l.read > l.limit {
		return 0, errLongLine
	}
	n, err = l.in.Read(p)
	l.read += int64(n)
	return n, err
}

// errHeader refuses a file that doesn't name its columns. It quotes nothing: without a header, the
// first line contains a secret.
var errHeader = errors.New("the first line must name the columns, separated by commas: login, name, token or sha256, and optionally enabled, expires, and kind; each once, and no others")

func newCSVReader(in *bufio.Reader) (*csvReader, error) {
	l := &limited{in: in, limit: maxImportLine}
	r := &csvReader{csv: csv.NewReader(l), in: l}
	r.csv.ReuseRecord = true
	header, err := r.csv.Read()
	if err != nil {
		return nil, errHeader
	}
	var seen [numColumns]bool
	for _, name := range header {
		c, ok := columnOf(name)
		if !ok || seen[c] {
			return nil, errHeader
		}
		seen[c] = true
		r.columns = append(r.columns, c)
	}
	if !seen[columnLogin] || !seen[columnName] || !seen[columnToken] && !seen[columnSHA256] {
		return nil, errHeader
	}
	r.line = 1
	return r, nil
}

func (r *csvReader) next() (line int, row importRow, err error) {
	r.in.limit = r.csv.InputOffset() + maxImportLine
	record, err := r.csv.Read()
	var at *csv.ParseError
	switch {
	case errors.As(err, &at):
		r.line, err = at.StartLine, lineFault("It has a stray quotation mark, or one is missing.")
		if errors.Is(at, csv.ErrFieldCount) {
			err = lineFault("It doesn't have as many fields as the first line has columns.")
		}
	case err != nil:
		r.line++
	default:
		r.line, _ = r.csv.FieldPos(0)
		for i, field := range record {
			row[r.columns[i]] = strings.TrimSpace(field)
		}
	}
	return r.line, row, err
}
