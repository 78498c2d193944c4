package seal_test

import (
	"bytes"
	"testing"

	"github.com/keyporter/keyporter/seal"
)

func TestSealedBytesOnlyOpenForTheirPurpose(t *testing.T) {
	old, current := seal.NewKey(), seal.NewKey()
	before, err := seal.New(old)
	if err != nil {
		t.Fatal(err)
	}
	after, err := seal.New(current, old)
	if err != nil {
		t.Fatal(err)
	}
	sealed := before.Seal("letter", []byte("hello"))
	if bytes.Contains(sealed, []byte("hello")) {
		t.Fatal("the sealed bytes contain the text")
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
		t.Error("it opens after it was changed")
	}
	first, again := before.Derive("a", "x"), before.Derive("a", "x")
	if first != again || first == before.Derive("b", "x") || first == after.Derive("a", "x") {
		t.Error("derived bits have to depend on the key, the purpose and the text, and on nothing else")
	}
	if _, err := seal.New(); err == nil {
		t.Error("a sealer without a key")
	}
}
