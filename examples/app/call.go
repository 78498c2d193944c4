package app

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
)

// call is something the app can do with the API.
type call struct {
	Name, Label  string
	method, path string
	content      func() (contentType string, body []byte)
}

func calls() []call {
	return []call{
		{"whoami", "Who am I?", http.MethodGet, "/Api/v6/authorization/whoami", nil},
		{"find", "Find my envelopes", http.MethodPost, "/Api/v6/envelope/find", func() (string, []byte) { return "application/json", []byte("{}") }},
		{"upload", "Upload a document", http.MethodPost, "/Api/v6/file/upload", note},
	}
}

// note returns a form with a small document.
func note() (contentType string, body []byte) {
	var buf bytes.Buffer
	form := multipart.NewWriter(&buf)
	header := textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="file"; filename="note.pdf"`}, "Content-Type": {"application/pdf"},
	}
	part, _ := form.CreatePart(header) // writing to memory can't fail
	_, _ = part.Write([]byte("%PDF-1.4\n% a note\n"))
	_ = form.Close()
	return form.FormDataContentType(), buf.Bytes()
}

// result is the outcome of a call.
type result struct {
	What   string
	Status string // of the API's response
	Text   string
}

// call calls the API with the access token. The library refreshes an expired one first.
func (a *App) call(w http.ResponseWriter, r *http.Request) {
	s := a.session(w, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range calls() {
		if c.Name == r.PathValue("name") && s.token != nil {
			last, err := a.ask(r, s, c)
			if err != nil {
				last = &result{What: c.Label, Text: err.Error()}
			}
			s.last = last
		}
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (a *App) ask(r *http.Request, s *session, c call) (*result, error) {
	client, _, err := a.client(r.Context())
	if err != nil {
		return nil, err
	}
	if s.token, err = client.TokenSource(r.Context(), s.token).Token(); err != nil {
		return nil, err
	}
	var body io.Reader
	contentType := ""
	if c.content != nil {
		var content []byte
		contentType, content = c.content()
		body = bytes.NewReader(content)
	}
	req, err := http.NewRequestWithContext(r.Context(), c.method, strings.TrimSuffix(a.API, "/")+c.path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", "example-app/1.0")
	s.token.SetAuthHeader(req)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	text := readable(answer)
	if challenge := res.Header.Get("WWW-Authenticate"); challenge != "" {
		text = strings.TrimSpace(text + "\n\nWWW-Authenticate: " + challenge)
	}
	return &result{What: c.Label, Status: res.Status, Text: text}, err
}

func readable(answer []byte) string {
	var buf bytes.Buffer
	if json.Indent(&buf, answer, "", "  ") == nil {
		return buf.String()
	}
	return string(answer)
}
