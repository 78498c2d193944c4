package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/keyporter/keyporter"
)

// Setting is one field of Config that variables and flags can set.
type Setting struct {
	Key  string // in the file
	Flag string // the key with dashes
	Env  string // KEYPORTER_ and the key in capitals
}

// Settings lists the settings that variables and flags can set.
func Settings() []Setting {
	var all []Setting
	for f := range reflect.TypeFor[Config]().Fields() {
		if key := f.Tag.Get("yaml"); key == "" {
			continue
		} else if f.Type.Kind() == reflect.String || f.Type.Kind() == reflect.Int || f.Type == reflect.TypeFor[[]string]() {
			all = append(all, Setting{Key: key, Flag: strings.ReplaceAll(key, "_", "-"), Env: "KEYPORTER_" + strings.ToUpper(key)})
		}
	}
	return all
}

// Load reads the configuration from a file (none if path is empty), environment variables, and
// flags by key, and validates it. It reports all errors together, but those in the form of the file
// can hide others in its values.
func Load(path string, getenv func(string) string, flags map[string]string) (Config, error) {
	var c Config
	var faults []error
	if path != "" {
		content, err := os.ReadFile(path) //nolint:gosec // the operator's own path
		if err != nil {
			return Config{}, fmt.Errorf("the configuration can't be read: %w", err)
		}
		c.file = path
		faults = append(faults, c.read(path, content))
	}
	for _, s := range Settings() {
		if v := getenv(s.Env); v != "" {
			faults = append(faults, c.set(s.Key, v, s.Env))
		}
		if v, ok := flags[s.Key]; ok {
			faults = append(faults, c.set(s.Key, v, "--"+s.Flag))
		}
	}
	faults = append(faults, c.Validate())
	if err := errors.Join(faults...); err != nil {
		return Config{}, fmt.Errorf("the configuration has errors:\n%w", err)
	}
	return c, nil
}

// read reads the content of a file into c. It refuses unknown settings, because a misspelled one must not stay
// unset without anyone noticing.
func (c *Config) read(path string, content []byte) error {
	var faults []error
	file, err := parser.ParseBytes(content, 0)
	if err == nil {
		faults = validateFile(file)
		err = yaml.NewDecoder(bytes.NewReader(content), yaml.Strict(), listsOf[string](), listsOf[keyporter.CredentialKind]()).Decode(c)
	}
	if err != nil && !errors.Is(err, io.EOF) && len(faults) == 0 {
		// Leave out the lines around the error, because they may contain the database's password.
		faults = []error{errors.New(strings.SplitN(yaml.FormatError(err, false, false), "\n", 2)[0])}
	}
	for i, f := range faults {
		faults[i] = fmt.Errorf("%s: %w", path, f)
	}
	return errors.Join(faults...)
}

// listsOf lets a list in the file be written as in a variable: trusted_proxies: none.
func listsOf[T ~string]() yaml.DecodeOption {
	return yaml.CustomUnmarshaler(func(list *[]T, text []byte) error {
		var one string
		var all []string
		if yaml.Unmarshal(text, &one) == nil {
			all = words(one)
		} else if err := yaml.Unmarshal(text, &all); err != nil {
			return err
		}
		for _, word := range all {
			*list = append(*list, T(word))
		}
		return nil
	})
}

// words splits a list that is written as one text.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

// validateFile reports everything in a file that isn't configuration. That includes a second
// YAML document, which the decoder would silently ignore.
func validateFile(file *ast.File) (faults []error) {
	for i, doc := range file.Docs {
		switch {
		case i == 0:
			faults = validateNode("the configuration", doc.Body, reflect.TypeFor[Config]())
		case doc.Body != nil:
			faults = append(faults, fmt.Errorf("line %d: a second document starts here; put all settings into one", line(doc.Body)))
		}
	}
	return faults
}

func (c *Config) set(key, value, from string) error {
	v := reflect.ValueOf(c).Elem()
	for f := range v.Type().Fields() {
		if f.Tag.Get("yaml") != key {
			continue
		}
		switch field := v.FieldByIndex(f.Index); field.Kind() {
		case reflect.Int:
			n, err := strconv.Atoi(value)
			if err != nil {
				return fmt.Errorf("%s: %q is not a number", from, value)
			}
			field.SetInt(int64(n))
		case reflect.Slice:
			field.Set(reflect.ValueOf(words(value)))
		default:
			field.SetString(value)
		}
	}
	return nil
}
