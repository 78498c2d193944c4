package verify

import (
	"strings"
	"testing"
)

func TestHostsAreComparedAsClientsSendThem(t *testing.T) {
	t.Parallel()
	c := checker(t, API{Name: "a", Upstream: "http://127.0.0.1:1", Hosts: []string{"Bücher.example", "api.EXAMPLE.", "[2001:DB8:0::1]"}, Routes: []Route{{Path: "/x"}}})
	for host, want := range map[string]bool{
		"xn--bcher-kva.example": true, "XN--BCHER-KVA.example:443": true, "api.example": true, "api.example.:80": true, "[2001:db8::1]": true, "[2001:db8::1]:80": true,
		"bucher.example": false, "": false, "example": false,
	} {
		if c.OwnsHost(host) != want || c.OnRoute("GET", host, "/x") != want {
			t.Errorf("%s: %v", host, !want)
		}
	}
}

func TestAddressesThatNobodyCallsAreFaults(t *testing.T) {
	t.Parallel()
	route := []Route{{Path: "/x"}}
	for _, host := range []string{".example", "a..b", "..", ".", "", "b\u00fccher..example", "[fe80::1%eth0]", "[fe80::1", "[::1]:80"} {
		if err := Validate([]API{{Name: "a", Hosts: []string{host}, Routes: route}}); err == nil || !strings.Contains(err.Error(), "must be a host name") {
			t.Errorf("the host %q: %v", host, err)
		}
	}
	for _, resource := range []string{"https://api.example:99999", "https://api.example:0/x", "https://api.example:", "https://[fe80::1%25eth0]"} {
		if err := Validate([]API{{Name: "a", Resource: resource, Routes: route}}); err == nil || !strings.Contains(err.Error(), "resource must be") {
			t.Errorf("the resource %q: %v", resource, err)
		}
	}
	for _, versions := range []string{"1000-", "1000", "1-1000"} {
		if err := Validate([]API{{Name: "a", Routes: []Route{{Path: "/{version}", Versions: versions}}}}); err == nil || !strings.Contains(err.Error(), "at most 999") {
			t.Errorf("the versions %s: %v", versions, err)
		}
	}
	good := API{Name: "a", Hosts: []string{"a_b.example.", "[::1]", "localhost"}, Resource: "https://[::1]:65535/x", Routes: []Route{{Path: "/{version}", Versions: "1-999"}}}
	if err := Validate([]API{good}); err != nil {
		t.Error(err)
	}
}
