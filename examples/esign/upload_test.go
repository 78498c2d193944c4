package esign

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// form returns a multipart body with one file.
func form(t *testing.T, field, name, content string) (contentType, body string) {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	if err := m.WriteField("Comment", "to be read past"); err != nil {
		t.Fatal(err)
	}
	part, err := m.CreateFormFile(field, name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return m.FormDataContentType(), b.String()
}

func TestUploads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, do := range []string{"POST /Api/v4/sspfile/uploadtemporary", "POST /Api/v5.0/SspFile/UploadTemporary", "POST /Api/v6/file/upload"} {
		for _, field := range []string{"File", "file", "attachment"} {
			contentType, body := form(t, field, "Miete März.pdf", "%PDF "+field)
			r := w.request(ada, do, body)
			r.Header.Set("Content-Type", contentType)
			w.expectUpload(r, "%PDF "+field, `attachment; filename*=utf-8''Miete%20M%C3%A4rz.pdf`)
		}
		r := w.request(ada, do, "%PDF raw")
		r.Header.Set("Content-Disposition", "Attachment;filename=Contract_Sample.pdf")
		w.expectUpload(r, "%PDF raw", `attachment; filename=Contract_Sample.pdf`)

		r = w.request(ada, do, "%PDF raw")
		r.Header.Set("Content-Disposition", `attachment; filename="C:\Contracts\..\..\lease.pdf"`)
		r.ContentLength = -1 // chunked
		w.expectUpload(r, "%PDF raw", `attachment; filename=lease.pdf`)
	}
}

func (w *world) expectUpload(r *http.Request, content, disposition string) {
	w.t.Helper()
	id := w.id(w.do(r))
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, w.request(ada, "GET /Api/v6/file/"+id, ""))
	h := rec.Header()
	if rec.Code != http.StatusOK || rec.Body.String() != content || h.Get("Content-Disposition") != disposition ||
		h.Get("Content-Type") != "application/octet-stream" || h.Get("X-Content-Type-Options") != "nosniff" {
		w.t.Errorf("%s: got %d %q %v", r.URL, rec.Code, rec.Body, h)
	}
}

func TestBadUploads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.maxUpload = 1000
	full, fullBody := form(t, "File", "a.pdf", "%PDF")
	hollow, hollowBody := form(t, "File", "a.pdf", "")
	other, otherBody := form(t, "Picture", "a.pdf", "%PDF")
	unnamed, unnamedBody := form(t, "File", "", "%PDF")
	big, bigBody := form(t, "File", "a.pdf", strings.Repeat("x", 1000))
	const pdf = "attachment; filename=a.pdf"
	for _, tc := range []struct {
		name, contentType, disposition, body string
		want                                 fault
	}{
		{"nothing", "", pdf, "", errEmptyFile},
		{"an empty part", hollow, "", hollowBody, errEmptyFile},
		{"no such part", other, "", otherBody, missing("The part File of the form")},
		{"no boundary", "multipart/form-data", "", fullBody, invalid("The form has no boundary.")},
		{"a form that breaks off in the file", full, "", fullBody[:strings.Index(fullBody, "%PDF")+2], invalid("The upload can't be read to the end.")},
		{"a form that breaks off before", full, "", fullBody[:60], missing("The part File of the form")},
		{"a part without a name", unnamed, "", unnamedBody, errNoFileName},
		{"a body without a name", "application/pdf", "", "%PDF", errNoFileName},
		{"a body with half a name", "application/pdf", "attachment", "%PDF", errNoFileName},
		{"a folder's name", "application/pdf", `attachment; filename="/"`, "%PDF", errNoFileName},
		{"a form that is too big", big, "", bigBody, errTooBig},
		{"a body that is too big", "", pdf, strings.Repeat("x", 1001), errTooBig},
	} {
		for _, do := range []string{"POST /Api/v5/sspfile/uploadtemporary", "POST /Api/v6/file/upload"} {
			r := w.request(ada, do, tc.body)
			r.Header.Set("Content-Type", tc.contentType)
			r.Header.Set("Content-Disposition", tc.disposition)
			status, body := w.do(r)
			if want := shape(do, tc.want); status != tc.want.status || body != want {
				t.Errorf("%s, %s:\n got %d %s\nwant %d %s", do, tc.name, status, body, tc.want.status, want)
			}
		}
	}
	if n := w.stored(); n != 0 {
		t.Errorf("failed uploads left %d files", n)
	}
	r := w.request(ada, "POST /Api/v6/file/upload", strings.Repeat("x", 1000))
	r.Header.Set("Content-Disposition", pdf)
	w.id(w.do(r)) // of the maximum size
}

func TestAFullDiskIsAnInternalError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := os.RemoveAll(w.path + ".files"); err != nil {
		t.Fatal(err)
	}
	r := w.request(ada, "POST /Api/v6/file/upload", "%PDF")
	r.Header.Set("Content-Disposition", "attachment; filename=a.pdf")
	if status, body := w.do(r); status != http.StatusInternalServerError || body != shape("/v6", errOurs) {
		t.Errorf("got %d %s", status, body)
	}
}

// TestFilesAreDeletedWithTheirLastUse expects a file to be deleted with the last envelope, draft,
// or template that uses it.
func TestFilesAreDeletedWithTheirLastUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := w.upload(ada, "a.pdf", "%PDF")
	template := w.id(w.call(ada, "POST /Api/v6/template/create", body6("Recipe", file)))
	envelope := w.id(w.call(ada, "POST /Api/v5/envelope/sendFromTemplate", `{"TemplateId":"`+template+`"}`))
	w.expect(ada, "DELETE /Api/v5/envelope/"+template, "", http.StatusNoContent, "")
	w.expect(ada, "GET /Api/v6/file/"+file, "", http.StatusOK, "%PDF")
	w.expect(ada, "DELETE /Api/v5/envelope/"+envelope, "", http.StatusNoContent, "")
	w.expectFault(ada, "GET /Api/v6/file/"+file, "", errNoFile)
	if n := w.stored(); n != 0 {
		t.Errorf("%d files remain", n)
	}
}

func TestUnusedUploadsAreDeletedAfterADay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	used, old, young := w.upload(ada, "used.pdf", "1"), w.upload(ada, "old.pdf", "2"), w.upload(ada, "young.pdf", "3")
	w.id(w.call(ada, "POST /Api/v6/envelope/send", body6("Lease", used)))
	if _, err := w.db.ExecContext(t.Context(), `UPDATE file SET created_at = ? WHERE id IN (?, ?)`,
		time.Now().Add(-25*time.Hour).UnixMilli(), used, old); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.open()
	w.expect(ada, "GET /Api/v6/file/"+used, "", http.StatusOK, "1")
	w.expectFault(ada, "GET /Api/v6/file/"+old, "", errNoFile)
	w.expect(ada, "GET /Api/v6/file/"+young, "", http.StatusOK, "3")
	if n := w.stored(); n != 2 {
		t.Errorf("%d files are on the disk", n)
	}
}
