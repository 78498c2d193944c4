package soap_test

import (
	"flag"
	"net/http"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the files that are made from the code")

//go:generate go test -run TestTheWSDL -update .

func TestTheWSDLIsUpToDate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(http.ResponseWriter, *http.Request) { t.Error("the API was reached") })
	got := w.send(t, "GET", "/Api.asmx?WSDL", nil)
	const golden = "testdata/api.wsdl"
	if *update {
		if err := os.WriteFile(golden, []byte(got.body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || got.body != string(want) || got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != "text/xml; charset=utf-8" {
		t.Errorf("%s, %v: the WSDL isn't %s; run make docs", got.Status, err, golden)
	}
	if n := strings.Count(got.body, `location="https://keys.example/Api.asmx"`); n != 2 {
		t.Errorf("the address is in it %d times", n)
	}
}

// TestEveryoneGetsTheWSDL asks for it without a credential, in each spelling, and expects the
// address of the API in it.
func TestEveryoneGetsTheWSDL(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(http.ResponseWriter, *http.Request) { t.Error("the API was reached") })
	for _, path := range []string{"/api.asmx?wsdl", "/API.ASMX?Wsdl", "/Api.asmx?WSDL=", "/None.asmx?wsdl"} {
		if got := w.send(t, "GET", path, nil); !strings.Contains(got.body, "wsdl:definitions") || !strings.Contains(got.body, `"https://keys.example`+strings.SplitN(path, "?", 2)[0]+`"`) {
			t.Errorf("%s: %s %.300s", path, got.Status, got.body)
		}
	}
	if got := w.send(t, "HEAD", "/Api.asmx?WSDL", nil); got.StatusCode != http.StatusOK || got.body != "" {
		t.Errorf("HEAD: %s %s", got.Status, got.body)
	}
	got := w.send(t, "GET", "/Own.asmx?WSDL", nil, "Host: api.example:8443")
	if !strings.Contains(got.body, `location="http://api.example:8443/Own.asmx"`) {
		t.Errorf("an API with a host of its own: %s %.300s", got.Status, got.body)
	}
	got = w.send(t, "GET", "/Api.asmx", nil)
	if got.StatusCode != http.StatusOK || !strings.Contains(got.body, "?WSDL") || got.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%s %s", got.Status, got.body)
	}
}
