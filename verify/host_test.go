package verify

import "testing"

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
