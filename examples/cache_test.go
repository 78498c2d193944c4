package examples_test

import (
	"net/http"
	"os"
	"regexp"
	"testing"

	"github.com/keyporter/keyporter/keyportertest"
)

// TestTheCacheOfNginxKeepsNothingForOthers has who has a token send an empty header before
// it. Some releases of nginx know the first of two headers only: to their cache it is a call without a token.
func TestTheCacheOfNginxKeepsNothingForOthers(t *testing.T) {
	w := newWorld(t)
	nginx := keyportertest.StartNginx(t, keyportertest.Example(t, "nginx/keyporter-cached.conf", w.keyporter.Address, w.api.address()))
	for name, token := range map[string]string{"ApiToken": w.secret, "Authorization": "Bearer " + w.secret} {
		send(t, nginx, "GET /shop/"+name, name+": ", name+": "+token)
		if got := send(t, nginx, "GET /shop/"+name, name+": "); got.status != http.StatusUnauthorized {
			t.Errorf("without a token, after two headers %s: %d\n%s", name, got.status, got.body)
		}
	}
	company := "OrganizationKey: " + w.company
	send(t, nginx, "GET /Api/v5/x", company, "UserLoginName: ", "UserLoginName: ada@acme.example")
	if got := send(t, nginx, "GET /Api/v5/x", company, "UserLoginName: "); got.status == http.StatusOK {
		t.Errorf("without a login name, after two: %d\n%s", got.status, got.body)
	}
}

// TestTheCacheOfNginxIsOnNoDisk: nginx writes the key of what it keeps beside it, and there are secrets in it.
func TestTheCacheOfNginxIsOnNoDisk(t *testing.T) {
	text, err := os.ReadFile("nginx/keyporter-cached.conf")
	if err != nil {
		t.Fatal(err)
	}
	if path := regexp.MustCompile(`proxy_cache_path (/run/\S+ use_temp_path=off )`).Find(text); path == nil {
		t.Error("the cache, or what it is made of, is somewhere else than in /run")
	}
}
