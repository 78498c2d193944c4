package web

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// upload is the body of a call that is being forwarded. It remembers how it ended. While the answer
// is on its way, the server leaves the body alone, and afterward doesn't look at why it ended. So
// it's up to the upload that nothing left of it is taken for the client's next request.
type upload struct {
	w        http.ResponseWriter
	r        *http.Request
	answered bool // the handler has answered, and doesn't panic
	switched bool // the connection isn't the server's any more

	reading sync.Mutex
	ended   atomic.Pointer[error]
}

// What is left of a body when the answer is complete may be this long, and take this long to
// arrive. If it's more, the connection ends with the answer.
const (
	maxLeft  = 256 << 10
	leftTime = time.Second
)

func newUpload(w http.ResponseWriter, r *http.Request) *upload {
	u := &upload{w: w, r: r}
	if r.ContentLength == 0 {
		u.finish(io.EOF)
	}
	return u
}

// request returns the request with the upload as its body.
func (u *upload) request(r *http.Request) *http.Request {
	if r.ContentLength == 0 {
		return r
	}
	in := *r
	in.Body = u
	return &in
}

func (u *upload) Read(p []byte) (int, error) {
	u.reading.Lock()
	defer u.reading.Unlock()
	if ended := u.ended.Load(); ended != nil {
		return 0, *ended
	}
	n, err := u.r.Body.Read(p)
	if err != nil {
		u.finish(err)
	}
	return n, err
}

// Close does nothing. The server closes the body.
func (u *upload) Close() error { return nil }

func (u *upload) finish(err error) { u.ended.Store(&err) }

// failure returns why the body broke off or can't be read, or nil if it can, as far as it was read.
func (u *upload) failure() error {
	if ended := u.ended.Load(); ended != nil && !errors.Is(*ended, io.EOF) {
		return *ended
	}
	return nil
}

// end ends the upload, once there is an answer or never will be one. The server may only wait for the
// next request on the connection if this one has ended for certain.
func (u *upload) end() {
	if ended := u.ended.Load(); u.switched || u.r.ProtoMajor > 1 || ended != nil && errors.Is(*ended, io.EOF) {
		return
	}
	conn := http.NewResponseController(u.w)
	if !u.answered {
		_ = conn.SetReadDeadline(time.Now()) // the server shall break the connection, and not read on
		u.reading.Lock()                     // until no read is underway, which would reset the deadline
		defer u.reading.Unlock()
		return
	}
	// Mostly, the end is on its way. The client has the answer, even though not yet its end.
	_, _ = conn.Flush(), conn.SetReadDeadline(time.Now().Add(leftTime))
	if u.failure() == nil {
		_, _ = io.CopyN(io.Discard, u, maxLeft)
	}
	u.reading.Lock()
	defer u.reading.Unlock()
	if ended := u.ended.Load(); ended != nil && errors.Is(*ended, io.EOF) && u.r.Context().Err() == nil {
		_ = conn.SetReadDeadline(time.Time{})
		return
	}
	u.closeAfterAnswer()
}

// closeAfterAnswer has the server close the connection when the answer is complete, even if its
// headers are on their way. With HTTP/2, only the call ends.
func (u *upload) closeAfterAnswer() {
	w := u.w
	if u.r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close") // if it isn't too late for that
	}
	for {
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = wrapper.Unwrap()
	}
	// The server does so if a body is larger than its handler allows. There's no other way to tell it.
	_, _ = http.MaxBytesReader(w, io.NopCloser(strings.NewReader("x")), 0).Read(make([]byte, 1))
}
