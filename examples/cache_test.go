package examples_test

import (
	"net/http"
	"os"
	"regexp"
	"testing"

	"github.com/keyporter/keyporter/keyportertest"
)

// TestNginxCachesNothingForOthers has a caller with a token send an empty header first. Some
// releases of nginx see only the first of two headers: to their cache, that is a call without a
// token.
func TestNginxCachesNothingForOthers(t *testing.T) {
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

// TestNginxCachesNothingOnDisk expects the cache in memory: nginx writes the key of each cached
// answer next to it, and the key contains secrets.
func TestNginxCachesNothingOnDisk(t *testing.T) {
	text, err := os.ReadFile("nginx/keyporter-cached.conf")
	if err != nil {
		t.Fatal(err)
	}
	if path := regexp.MustCompile(`proxy_cache_path (/run/\S+ use_temp_path=off )`).Find(text); path == nil {
		t.Error("the cache, or a part of it, is outside of /run")
	}
}
