package keyportertest

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
)

// BytesRow is a line of the table of bytes in docs/reference/gateway.md. \r\n is written as ⏎.
type BytesRow struct {
	Area    string // the part of the call or of the answer
	Sent    string
	Arrives string // at the other end: the same, nothing, or the status of the refusal
}

// What some rows send is that there is no such header.
const (
	noHost = "no Host, in HTTP/1.0"
	noType = "no Content-Type, and HTML"

	brokenOff = "broken off" // without the end that its length or its chunks need
)

// BytesTable reads the table of bytes from a file.
func BytesTable(t testing.TB, path string) (rows []BytesRow) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.ReplaceAll(line, `\|`, "\x00"), "|")
		if len(cells) != 6 || !slices.Contains([]string{"method", "path", "query", "header", "body", "trailer", "status", "answer’s header", "answer’s body", "answer’s trailer"}, strings.TrimSpace(cells[1])) {
			continue
		}
		r := BytesRow{Area: strings.TrimSpace(cells[1]), Sent: cell(cells[2]), Arrives: cell(cells[3])}
		if r.Arrives == "the same" {
			r.Arrives = r.Sent
		}
		rows = append(rows, r)
	}
	if len(rows) < 40 {
		t.Fatalf("the table has only %d rows", len(rows))
	}
	return rows
}

func cell(s string) string {
	return strings.ReplaceAll(strings.Trim(strings.TrimSpace(s), "`"), "\x00", "|")
}

// Messages returns the bytes of the row's request to a path, with more header lines, and those of
// the API's response.
func (r BytesRow) Messages(path string, more ...string) (request, response string) {
	method, query, version, headers, body := "GET", "", "HTTP/1.1", append([]string{"Host: api.example", "Connection: close"}, more...), ""
	response = "HTTP/1.1 204 No Content⏎⏎"
	switch r.Area {
	case "method":
		method = r.Sent
	case "path":
		path = strings.TrimSuffix(path, "/x") + r.Sent
	case "query":
		query = r.Sent
	case "header":
		if r.Sent == noHost {
			version, headers = "HTTP/1.0", more
			break
		}
		if strings.HasPrefix(r.Sent, "Upgrade: ") {
			headers[1] = "Connection: Upgrade, close"
		}
		headers = append(headers, r.Sent)
	case "body":
		method, body = "POST", r.Sent
	case "trailer":
		method, body = "POST", "Transfer-Encoding: chunked⏎⏎2⏎hi⏎0⏎"+r.Sent+"⏎⏎"
	case "status":
		response = "HTTP/1.1 " + r.Sent + "⏎⏎"
	case "answer’s header":
		response = "HTTP/1.1 200 OK⏎Content-Length: 6⏎" + r.Sent + "⏎⏎<html>"
		if r.Sent == noType {
			response = "HTTP/1.1 200 OK⏎Content-Length: 6⏎⏎<html>"
		}
	case "answer’s body":
		response = "HTTP/1.1 200 OK⏎" + r.Sent
	case "answer’s trailer":
		response = "HTTP/1.1 200 OK⏎Transfer-Encoding: chunked⏎⏎2⏎hi⏎0⏎" + r.Sent + "⏎⏎"
	}
	if body == "" {
		body = "⏎"
	}
	lines := method + " " + path + query + " " + version + "⏎" + strings.Join(headers, "⏎") + "⏎" + body
	return strings.ReplaceAll(lines, "⏎", "\r\n"), strings.ReplaceAll(response, "⏎", "\r\n")
}

// Found returns what of the row arrived: at the API, which got a request, or at the client, which got
// an answer.
func (r BytesRow) Found(request, answer string) string {
	request, answer = strings.ReplaceAll(request, "\r\n", "⏎"), strings.ReplaceAll(answer, "\r\n", "⏎")
	line, _, _ := strings.Cut(answer, "⏎")
	_, status, _ := strings.Cut(line, " ")
	ofAnswer := r.Area == "status" || strings.HasPrefix(r.Area, "answer")
	if code, _, _ := strings.Cut(status, " "); request == "" || !ofAnswer && code >= "400" || ofAnswer && code == "502" && r.Sent != "502 Bad Gateway" {
		return strings.TrimPrefix(code, " ")
	}
	parts := strings.SplitN(request, " ", 3)
	path, query, asked := strings.Cut(parts[1], "?")
	switch r.Area {
	case "method":
		return parts[0]
	case "path":
		return path[strings.LastIndexByte(path, '/'):]
	case "query":
		if !asked {
			return "nothing"
		}
		return "?" + query
	case "header":
		return r.lines(request)
	case "body":
		return framed(request)
	case "status":
		return status
	case "answer’s header":
		head, _, _ := strings.Cut(answer, "⏎⏎")
		return r.lines(head + "⏎")
	case "answer’s body":
		if isWhole(answer) {
			return framed(answer)
		}
		return brokenOff
	}
	_, tail, _ := strings.Cut(map[bool]string{false: request, true: answer}[ofAnswer], "⏎0⏎")
	return r.lines("⏎" + tail)
}

// isWhole reports whether a client takes an answer for complete.
func isWhole(answer string) bool {
	res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(strings.ReplaceAll(answer, "⏎", "\r\n"))), nil)
	if err != nil {
		return false
	}
	defer func() { _ = res.Body.Close() }()
	_, err = io.Copy(io.Discard, res.Body)
	return err == nil
}

// lines returns the header lines of a message that have the name of the row's.
func (r BytesRow) lines(message string) string {
	name, _, _ := strings.Cut(r.Sent, ":")
	switch r.Sent {
	case noHost:
		name = "X-Forwarded-Host"
	case noType:
		name = "Content-Type"
	}
	var found []string
	for line := range strings.SplitSeq(message, "⏎") {
		if got, _, ok := strings.Cut(line, ":"); ok && http.CanonicalHeaderKey(got) == http.CanonicalHeaderKey(name) {
			found = append(found, line)
		}
	}
	if len(found) == 0 {
		return "nothing"
	}
	return strings.Join(found, "⏎")
}

// framed returns the body of a message, after the header line that says how it is framed.
func framed(message string) string {
	head, body, _ := strings.Cut(message, "⏎⏎")
	for line := range strings.SplitSeq(head, "⏎") {
		if strings.HasPrefix(line, "Content-Length: ") || strings.HasPrefix(line, "Transfer-Encoding: ") {
			return line + "⏎⏎" + body
		}
	}
	return body
}
