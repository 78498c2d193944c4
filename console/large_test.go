package console_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/console"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestPagesOfALargeOrganization checks what pages say about everyone in an organization. PAGES_USERS=100000 makes
// it that large, and with -v it prints the median time of each page; make bench does so.
func TestPagesOfALargeOrganization(t *testing.T) {
	t.Parallel()
	users, _ := strconv.Atoi(os.Getenv("PAGES_USERS"))
	rounds := 15
	if users == 0 {
		users, rounds = 1200, 1
	}
	keyportertest.EachDatabase(t, func(t *testing.T, address string) {
		s := newCrowd(t, address)
		keyportertest.Crowd(t, address, s.olivia.OrganizationID, s.role.ID, users)
		last := fmt.Sprintf("user%d@crowd.example", 1000000+users-1)
		user, err := s.Control.UserByLogin(t.Context(), keyporter.Command(), last)
		if err != nil {
			t.Fatal(err)
		}
		keyportertest.Token(t, s.Control, user, "Export")
		beforeLast, err := s.Control.UserByLogin(t.Context(), keyporter.Command(), fmt.Sprintf("user%d@crowd.example", 1000000+users-2))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Control.CreateUser(t.Context(), keyporter.Command(), control.NewUser{OrganizationID: s.olivia.OrganizationID, Login: "zoe@crowd.example", Password: keyportertest.Password}); err != nil {
			t.Fatal(err)
		}
		end, err := s.Control.ListUsers(t.Context(), keyporter.Command(), control.UserSearch{OrganizationID: s.olivia.OrganizationID, Match: "zoe"})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Control.DisableUser(t.Context(), keyporter.Command(), end.Users[0].ID); err != nil {
			t.Fatal(err)
		}
		v := s.signIn(t, s.olivia)
		next := v.get("/users?q=crowd").link(t, "next")
		role, all := "/roles/"+string(s.role.ID), console.Count(users)
		for _, p := range []struct{ name, path, has string }{
			{"users", "/users", "user1000000@crowd.example"},
			{"users, a search", "/users?q=" + strconv.Itoa(1000000+users-1), last},
			{"users, a search for all", "/users?q=crowd", "user1000000@crowd.example"},
			{"users, switched off", "/users?state=off", "1 of 1"},
			{"users, a search in vain", "/users?q=no_body%25", "No user matches"},
			{"users, next page", next, "user1000050@crowd.example"},
			{"user", "/users/" + string(user.ID), last},
			{"tokens of a user", "/users/" + string(user.ID) + "/tokens", "Export"},
			{"switching a user off", "/users/" + string(user.ID) + "/disable", last},
			{"roles", "/roles", all},
			{"role", role, all},
			{"role, last page", role + "?after=" + string(beforeLast.ID), last},
			{"predefined role", "/roles/" + string(keyporter.RoleAPIUser), console.Count(users - users/10 + 1)},
			{"deleting a role", role + "/delete", "<strong>" + console.Count(users/10) + "</strong> users lose"},
			{"role preview", "", "<strong>" + console.Count(users/10) + "</strong> users lose"},
		} {
			var times []time.Duration
			for range rounds {
				start := time.Now()
				var a answer
				if p.path != "" {
					a = v.get(p.path)
				} else {
					a = v.post(role+"/preview", "name", s.role.Name, "version", strconv.Itoa(s.role.Version))
				}
				times = append(times, time.Since(start))
				if a.want(t, http.StatusOK); !strings.Contains(a.body, p.has) {
					t.Fatalf("%s lacks %q:\n%s", p.name, p.has, a.body)
				}
			}
			slices.Sort(times)
			t.Logf("%-22s %6.1f ms", p.name, times[len(times)/2].Seconds()*1000)
		}
	})
}

// TestPagesOfManyTokens checks the lists of someone who has many tokens. PAGES_TOKENS=50000 gives them that many, and
// with -v it prints the median time of each page; make bench does so.
func TestPagesOfManyTokens(t *testing.T) {
	t.Parallel()
	n, _ := strconv.Atoi(os.Getenv("PAGES_TOKENS"))
	rounds := 15
	if n == 0 {
		n, rounds = 120, 1
	}
	keyportertest.EachDatabase(t, func(t *testing.T, address string) {
		s := newSiteOn(t, address)
		ada, v := s.ada(t)
		all := s.Tokens(t, ada, n)
		some := min(n, 1000)
		chosen := func(action string, n int) []string {
			fields := []string{"action", action}
			for _, id := range all[:n] {
				fields = append(fields, "token", string(id))
			}
			return fields
		}
		flip := "disable"
		for _, p := range []struct {
			name string
			try  func() answer
		}{
			{"first page", func() answer { return v.get("/tokens") }},
			{"search", func() answer { return v.get("/tokens?q=Token+" + strconv.Itoa(n-1)) }},
			{"filter", func() answer { return v.get("/tokens?unused=30&rotated=never&state=active") }},
			{"sort by name", func() answer { return v.get("/tokens?sort=name") }},
			{"sort by use", func() answer { return v.get("/tokens?sort=used&order=descending") }},
			{"asking about 50", func() answer { return v.post("/tokens/selected", chosen("delete", 50)...) }},
			{"switching 50", func() answer {
				a := v.post("/tokens/change", chosen(flip, 50)...)
				flip = map[string]string{"disable": "enable", "enable": "disable"}[flip]
				a.status = map[int]int{http.StatusSeeOther: http.StatusOK}[a.status]
				return a
			}},
			{"asking about " + strconv.Itoa(some), func() answer { return v.post("/tokens/selected", chosen("delete", some)...) }},
		} {
			var times []time.Duration
			for range rounds {
				start := time.Now()
				a := p.try()
				times = append(times, time.Since(start))
				if a.status != http.StatusOK {
					t.Fatalf("%s: %d %s", p.name, a.status, a.body)
				}
				s.Clock.Advance(time.Minute) // changes of many are limited
			}
			slices.Sort(times)
			t.Logf("%-22s %6.1f ms", p.name, times[len(times)/2].Seconds()*1000)
		}
	})
}
