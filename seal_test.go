package keyporter_test

import (
	"bytes"
	"testing"

	"github.com/keyporter/keyporter"
)

func TestWhatIsSealedOpensForItsPurposeOnly(t *testing.T) {
	old, current := keyporter.NewSealingKey(), keyporter.NewSealingKey()
	before, err := keyporter.NewSealer(old)
	if err != nil {
		t.Fatal(err)
	}
	after, err := keyporter.NewSealer(current, old)
	if err != nil {
		t.Fatal(err)
	}
	sealed := before.Seal("letter", []byte("hello"))
	if bytes.Contains(sealed, []byte("hello")) {
		t.Fatal("the text is in what was sealed")
	}
	if plain, err := after.Open("letter", sealed); err != nil || string(plain) != "hello" {
		t.Errorf("with the key replaced: %q, %v", plain, err)
	}
	if _, err := before.Open("other", sealed); err == nil {
		t.Error("it opens for another purpose")
	}
	if _, err := before.Open("letter", after.Seal("letter", []byte("hello"))); err == nil {
		t.Error("it opens without the key")
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := before.Open("letter", sealed); err == nil {
		t.Error("it opens although it was changed")
	}
	first, again := before.Derive("a", "x"), before.Derive("a", "x")
	if first != again || first == before.Derive("b", "x") || first == after.Derive("a", "x") {
		t.Error("what is derived depends on key, purpose and text, and on nothing else")
	}
	if _, err := keyporter.NewSealer(); err == nil {
		t.Error("a sealer without a key")
	}
}
