package soap

import (
	"strings"
	"testing"
)

// BenchmarkUpload measures what the scanner costs per byte of an upload.
func BenchmarkUpload(b *testing.B) {
	const end = `</fileXml></UploadTemporarySspFile_v1></Body></Envelope>`
	head := `<Envelope xmlns="` + soap11 + `"><Body><UploadTemporarySspFile_v1 xmlns="` + namespace + `"><authorizationXml/><fileXml>`
	piece := []byte(strings.Repeat("JVBERi0x", 4<<10))
	b.SetBytes(int64(len(piece)))
	b.ReportAllocs()
	s := newScanner(nil, &envelope{})
	if err := s.write([]byte(head)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := s.write(piece); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.write([]byte(end)); err != nil || s.close() != nil {
		b.Fatal(err)
	}
}
