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

// victimVariable, when set, makes this test program the one that is killed; it has the database.
const victimVariable = "KEYPORTER_TEST_VICTIM"

func TestMain(m *testing.M) {
	if url := os.Getenv(victimVariable); url != "" {
		victim(url)
		return
	}
	keyportertest.Main(m)
}

// victim adds tokens and switches them from several sides, and says so on standard
// output once each change was acknowledged. It never ends by itself, but after a minute.
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
	say := func(id keyporter.ID, enabled bool, err error) bool {
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
				if !say(token.ID, false, err) {
					return
				}
				for on := true; rand.IntN(4) > 0; on = !on {
					change := c.DisableToken
					if on {
						change = c.EnableToken
					}
					_, err := change(ctx, keyporter.Command(), token.ID)
					if !say(token.ID, on, err) {
						return
					}
				}
			}
		})
	}
	all.Wait()
}

// TestWhatWasAcknowledgedSurvivesAKill kills a process that changes tokens fifty times at
// some moment, and looks each time for every change that it had acknowledged.
func TestWhatWasAcknowledgedSurvivesAKill(t *testing.T) {
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
				// The change after the last that was acknowledged may have happened, too.
				if enabled := fmt.Sprint(token.Enabled); enabled != state && !changedOnce(t, n, ada.OrganizationID, id, state) {
					t.Errorf("token %s: enabled %s, acknowledged was %s", id, enabled, state)
				}
			}
		}
		t.Logf("%d acknowledged changes over 50 kills", acknowledged)
		if acknowledged < 50 {
			t.Error("too few changes to mean anything")
		}
	})
}

// changedOnce tells whether the last event of the token is one more than the acknowledged state tells of.
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

// killedVictim starts a victim, kills it soon after its first word, and returns the whole lines that it said.
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
			break // a line that was cut wasn't said
		}
		if lines = append(lines, strings.TrimSpace(line)); len(lines) == 1 {
			time.AfterFunc(rand.N(40*time.Millisecond), func() { _ = cmd.Process.Kill() })
		}
	}
	if err := cmd.Wait(); err == nil || stderr.Len() > 0 {
		t.Fatalf("the victim ended by itself: %v, %s", err, stderr.String())
	}
	return lines
}
