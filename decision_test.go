package keyporter_test

import (
	"testing"

	"github.com/keyporter/keyporter"
)

func TestEveryRuleHasAQuestion(t *testing.T) {
	for r := range keyporter.NumRules {
		if keyporter.Rule(r).String() == "" {
			t.Errorf("rule %d has no text", r)
		}
	}
}
