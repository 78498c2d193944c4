//go:build linux

package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/keyporter/keyporter"
)

// The call that is repeated, in the form in which nginx asks about it and in that in which a client
// makes it.
const (
	callPath  = "/Api/v6/envelope/find"
	callFrom  = "192.0.2.7"
	callAgent = "curl/8.5.0"

	question = "GET /verify HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: " + callFrom + "\r\nX-Original-Uri: " + callPath +
		"\r\nX-Original-Method: GET\r\nUser-Agent: " + callAgent + "\r\nAccept: */*\r\nApiToken: %s\r\n\r\n"
	call = "GET " + callPath + " HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: " + callAgent + "\r\nAccept: */*\r\nApiToken: %s\r\n\r\n"
)

// form returns a request of the app with a form, which may contain a token.
func form(path, body string) string {
	length := len(strings.Replace(body, "%s", strings.Repeat("x", keyporter.SecretLen), 1))
	basic := base64.StdEncoding.EncodeToString([]byte(appID + ":" + appSecret().Reveal()))
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: %s\r\nAccept: */*\r\nAuthorization: Basic %s\r\n"+
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", path, callAgent, basic, length, body)
}

func requestTexts(format string, secrets []string) [][]byte {
	all := make([][]byte, len(secrets))
	for i, s := range secrets {
		all[i] = fmt.Appendf(nil, format, s)
	}
	return all
}

// wholeAnswer reports whether b is a complete response with this status. It only understands
// responses as net/http writes them, with a Content-Length.
func wholeAnswer(b []byte, status int) (bool, error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return false, nil
	}
	head := b[:end+2]
	if len(head) < 12 || !bytes.HasPrefix(head, []byte("HTTP/1.1 ")) {
		return false, fmt.Errorf("not a response: %q", head)
	}
	if got, err := strconv.Atoi(string(head[9:12])); err != nil || got != status {
		return false, fmt.Errorf("the answer is %q, not %d", head[:bytes.IndexByte(head, '\r')], status)
	}
	length, err := contentLength(head)
	if err != nil {
		return false, err
	}
	whole := end + 4 + length
	if len(b) > whole {
		return false, fmt.Errorf("there are %d more bytes after the answer", len(b)-whole)
	}
	return len(b) == whole, nil
}

func contentLength(head []byte) (int, error) {
	const name = "\r\nContent-Length: "
	_, value, ok := bytes.Cut(head, []byte(name))
	if !ok {
		return 0, fmt.Errorf("the answer has no Content-Length: %q", head)
	}
	return strconv.Atoi(string(value[:bytes.IndexByte(value, '\r')]))
}
