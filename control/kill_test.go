package control_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/store"
)

// victimVariable makes this test program the victim, if set. Its value is the URL of the database.
const victimVariable = "KEYPORTER_TEST_VICTIM"

func TestMain(m *testing.M) {
	if url := os.Getenv(victimVariable); url != "" {
		victim(url)
		return
	}
	keyportertest.Main(m)
}

// victim concurrently adds tokens and switches them on and off. It prints each change to standard
// output as soon as it is acknowledged. Unless it is killed, it ends after a minute.
func victim(url string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db, err := store.Open(ctx, url, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Println("error", err)
		return
	}
	c := control.New(db, control.Options{})
	ada, err := c.UserByLogin(ctx, keyporter.Command(), "ada@acme.example")
	if err != nil {
		fmt.Println("error", err)
		return
	}
	var out sync.Mutex
	report := func(id keyporter.ID, enabled bool, err error) bool {
		out.Lock()
		defer out.Unlock()
		if err != nil {
			fmt.Println("error", err)
			return false
		}
		fmt.Println(id, enabled)
		return true
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for ctx.Err() == nil {
				token, _, err := c.CreateToken(ctx, keyporter.Command(), control.NewToken{OwnerID: ada.ID, Name: string(keyporter.NewID(time.Now()))})
				if !report(token.ID, false, err) {
					return
				}
				for on := true; rand.IntN(4) > 0; on = !on {
					change := c.DisableToken
					if on {
						change = c.EnableToken
					}
					_, err := change(ctx, keyporter.Command(), token.ID)
					if !report(token.ID, on, err) {
						return
					}
				}
			}
		})
	}
	all.Wait()
}

// TestAcknowledgedChangesSurviveAKill kills a process that changes tokens at a random moment, fifty times.
// Every change that it had acknowledged must be in the database.
func TestAcknowledgedChangesSurviveAKill(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		n := keyportertest.NewNode(t, url)
		ada := keyportertest.User(t, n.Control, "Acme", "ada@acme.example", keyporter.RoleAPIUser)
		acknowledged := 0
		for range 50 {
			last := map[keyporter.ID]string{}
			for _, line := range killedVictim(t, url) {
				id, state, ok := strings.Cut(line, " ")
				if id == "error" || !ok {
					t.Fatal(line)
				}
				last[keyporter.ID(id)] = state
				acknowledged++
			}
			for id, state := range last {
				token, err := n.DB.TokenByID(t.Context(), id)
				if err != nil {
					t.Fatalf("token %s was acknowledged: %v", id, err)
				}
				// One more change may have happened without being acknowledged.
				if enabled := fmt.Sprint(token.Enabled); enabled != state && !changedOnce(t, n, ada.OrganizationID, id, state) {
					t.Errorf("token %s: enabled is %s, but %s was acknowledged", id, enabled, state)
				}
			}
		}
		t.Logf("%d acknowledged changes over 50 kills", acknowledged)
		if acknowledged < 50 {
			t.Error("too few changes for the test to mean anything")
		}
	})
}

// changedOnce reports whether the token's last event is exactly one change after the acknowledged state.
func changedOnce(t *testing.T, n *keyportertest.Node, organization, token keyporter.ID, acknowledged string) bool {
	t.Helper()
	events, err := n.DB.Events(t.Context(), organization, "", 200)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.TokenID == token {
			return (e.Name == keyporter.EventTokenEnable) == (acknowledged == "false")
		}
	}
	return false
}

// killedVictim starts a victim, kills it soon after its first line, and returns all complete lines.
func killedVictim(t *testing.T, url string) []string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), victimVariable+"="+url)
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for in := bufio.NewReader(stdout); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			break // an incomplete line doesn't count
		}
		if lines = append(lines, strings.TrimSpace(line)); len(lines) == 1 {
			time.AfterFunc(rand.N(40*time.Millisecond), func() { _ = cmd.Process.Kill() })
		}
	}
	if err := cmd.Wait(); err == nil || stderr.Len() > 0 {
		t.Fatalf("the victim wasn't killed, or failed: %v, %s", err, stderr.String())
	}
	return lines
}
