package soap

import (
	"strings"
	"testing"
)

// BenchmarkUpload measures what the scanner costs per byte of an upload. A byte with a meaning must not cost more the
// more text follows it.
func BenchmarkUpload(b *testing.B) {
	for name, unit := range map[string]string{"text": "JVBERi0x", "references": "&lt;", "brackets": "a]"} {
		b.Run(name, func(b *testing.B) { benchmarkUpload(b, strings.Repeat(unit, 32<<10/len(unit))) })
	}
}

func benchmarkUpload(b *testing.B, text string) {
	b.Helper()
	const end = `</fileXml></UploadTemporarySspFile_v1></Body></Envelope>`
	head := `<Envelope xmlns="` + soap11 + `"><Body><UploadTemporarySspFile_v1 xmlns="` + namespace + `"><authorizationXml/><fileXml>`
	piece := []byte(text)
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
