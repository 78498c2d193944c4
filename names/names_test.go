package names_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
)

func TestNames(t *testing.T) {
	hundred := strings.Repeat("ä", 100)
	for in, want := range map[string]string{
		"Nightly export":   "Nightly export",
		"  padded\t":       "padded",
		hundred:            hundred,
		"<b>markup</b> & ": "<b>markup</b> &",
		"👩‍👧 family":       "👩‍👧 family",
		"مفتاح":            "مفتاح",
		hundred + "ä":      "",
		"":                 "",
		" \t\u00a0\u3000":  "",
		"line\nbreak":      "",
		"tab\tinside":      "",
		"nul\x00":          "",
		"bad \xff bytes":   "",
		"\u202egnp.exe":    "",
		"\u200b":           "",
		"a\u200bb":         "",
		"\u200d":           "",
		"para\u2029graph":  "",
		"❤\ufe0f":          "❤\ufe0f",
		"a\u3164b":         "",
		"\u3164":           "",
		"\u115f\u1160":     "",
		"a\ufe01b":         "",
		"\u2800":           "",
		"a\u034fb":         "",
	} {
		got, err := names.Parse("token", in)
		if got != want && err == nil || (err == nil) != (want != "") {
			t.Errorf("Parse(%q) = %q, %v; want %q", in, got, err, want)
		}
		if err != nil && (keyporter.KindOf(err) != keyporter.Invalid || keyporter.MessageOf(err) == "") {
			t.Errorf("Parse(%q): %v is not for people", in, err)
		}
	}
}

func TestLogins(t *testing.T) {
	for in, ok := range map[string]bool{
		"ada@acme.example": true, " Ada@Acme.Example ": true, "ünïcode@example.de": true, "a@xn--exmple-cua.de": true, "a@exämple.de": false, "a@ａcme.example": false, "a@\u212a.example": false, "a@acme.example.": false, "a@acme..example": false, "a@.example": false, "a+b.c@d": true,
		"": false, "ada": false, "@acme.example": false, "ada@": false, "a@b@c": false, "ada @acme.example": false, "ada@acme\r\n.example": false,
		"ceo\uff20@acme.example": false, "cfo\ufe6bx@acme.example": false, "ceo\uff20acme.example": false, "ada\uff1b@acme.example": false, "ada\u2474@acme.example": false, "ada\u00b4@acme.example": false,
		"<ada@acme.example>": false, `"ada"@acme.example`: false, "ada@acme.example\x00": false, "a\u200dda@acme.example": false, "ada\ufe0f@acme.example": false, "ada\u3164@acme.example": false, strings.Repeat("a", 251) + "@b.c": false, "\xff@b.c": false,
	} {
		if _, err := names.ParseLogin(in); (err == nil) != ok {
			t.Errorf("ParseLogin(%q): %v", in, err)
		}
	}
}

func TestTheKeyIgnoresLetterCaseAndEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		want := names.Key(s)
		for _, same := range []string{want, strings.ToUpper(norm.NFKD.String(s)), norm.NFC.String(s), norm.NFD.String(s), norm.NFKC.String(s), norm.NFKD.String(s)} {
			if got := names.Key(same); got != want {
				t.Fatalf("%q has the key %q, but %q has %q", s, want, same, got)
			}
		}
	})
}

// TestStoredKeysStayValid pins the keys that databases already have under unique indexes.
func TestStoredKeysStayValid(t *testing.T) {
	for name, key := range map[string]string{
		"Ada@Acme.Example": "ada@acme.example", "STRASSE": "strasse", "Straße": "strasse", "ΣΊΣΥΦΟΣ": "σίσυφοσ", "σίσυφος": "σίσυφοσ",
		"ſecret": "secret", "İstanbul": "istanbul", "i\u0307": "i", "ı": "i", "Ᏸ": "ᏸ", "\u212aelvin": "kelvin", "ﬁle": "file", "Ǆ": "dž", "e\u0301": "\u00e9", "\u00c9": "\u00e9",
		"ａｄａ＠ａｃｍｅ．ｅｘａｍｐｌｅ": "ada@acme.example", "a\u00a0b": "a b", "👩\u200d👧": "👩👧", "❤\ufe0f": "❤", "a\u3164b": "ab", "": "",
		"CI  bot": "ci bot", "CI \u200d bot": "ci bot", "CI\u1680\u2003bot": "ci bot", "a\u2010b": "a-b", "a\u2011b": "a-b", "a\u2014b": "a-b", "a\u2212b": "a-b", "a\u02d7b": "a-b", "a\uff0db": "a-b", "a--b": "a--b",
	} {
		if got := names.Key(name); got != key {
			t.Errorf("%q has the key %q, want %q", name, got, key)
		}
	}
	if !names.Same("Nightly Export", "nightly export") || names.Same("nightly export", "nightly-export") {
		t.Error("letter case counts, or a hyphen doesn't")
	}
}

// TestLoginsThatLookAlike has two people with logins that nobody can tell apart: they are the same, or the
// second one is refused.
func TestLoginsThatLookAlike(t *testing.T) {
	for what, pair := range map[string][2]string{
		"zero-width joiner":  {"ada@acme.example", "a\u200dda@acme.example"},
		"variation selector": {"ada@acme.example", "ada\ufe0f@acme.example"},
		"Hangul filler":      {"ada@acme.example", "ada\u3164@acme.example"},
		"NFC and NFD":        {"ren\u00e9@acme.example", "rene\u0301@acme.example"},
		"no-break space":     {"ada@acme.example", "ada\u00a0@acme.example"},
		"a Cyrillic a":       {"ada@acme.example", "\u0430da@acme.example"},
		"a Greek o":          {"bob@acme.example", "b\u03bfb@acme.example"},
		"a Cherokee D":       {"Dan@acme.example", "\u13a0an@acme.example"},
		"another domain":     {"ada@acme.example", "ada@\u0430cme.example"},
		"full width":         {"ada@acme.example", "ａｄａ@acme.example"},
		"a hyphen":           {"a-b@acme.example", "a\u2010b@acme.example"},
		"a minus sign":       {"a-b@acme.example", "a\u2212b@acme.example"},
		"a low minus":        {"a-b@acme.example", "a\u02d7b@acme.example"},
		"a script g":         {"grace@acme.example", "\u0261race@acme.example"},
		"an alpha":           {"grace@acme.example", "gr\u0251ce@acme.example"},
		"its capital":        {"GRACE@acme.example", "GR\u2c6dCE@acme.example"},
		"a small capital":    {"oskar@acme.example", "os\u1d0bar@acme.example"},
		"a dotless j":        {"jan@acme.example", "\u0237an@acme.example"},
		"the Kelvin sign":    {"kelvin@acme.example", "\u212aelvin@acme.example"},
	} {
		if _, err := names.ParseLogin(pair[0]); err != nil {
			t.Errorf("%s: %q is refused: %v", what, pair[0], err)
		}
		if _, err := names.ParseLogin(pair[1]); err == nil && !names.Same(pair[0], pair[1]) {
			t.Errorf("%s: %q is taken beside %q", what, pair[1], pair[0])
		}
	}
	for _, login := range []string{
		"ада@acme.example", "ada.ünïcode+1@acme.example", "山田たろうカナx@acme.example", "김ada漢@acme.example", norm.NFD.String("김ada漢@acme.example"), "عائشة@acme.example",
		"łukasz.żak@acme.example", "əli@acme.example", "đặng@acme.example", norm.NFD.String("đặng@acme.example"), "Σίσυφος@acme.example", "іванҝ@acme.example", "דוד@acme.example", "सुरेश@acme.example", "สมชาย@acme.example", "o2%!#$&*/=?^_`{|}~@acme.example",
	} {
		if _, err := names.ParseLogin(login); err != nil {
			t.Errorf("%q is refused: %v", login, err)
		}
	}
}

// FuzzNames requires what is accepted to be accepted again as it is, to keep its key, and to be one that
// both databases store.
func FuzzNames(f *testing.F) {
	for _, n := range []string{"Ada", " ada@acme.example ", "KELVIN \u212a", "e\u0301", "ada@a\u0441me.example", "\u3164", "a\u200db", "İ"} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parse := func(s string) (string, error) { return names.Parse("name", s) }
		for what, parse := range map[string]func(string) (string, error){"name": parse, "login": names.ParseLogin} {
			got, err := parse(text)
			if err != nil {
				continue
			}
			if again, err := parse(got); err != nil || again != got {
				t.Errorf("the %s %q becomes %q, and that %q, %v", what, text, got, again, err)
			}
			key := names.Key(got)
			if key == "" || !utf8.ValidString(key) || strings.ContainsRune(key, 0) || names.Key(key) != key && names.Key(names.Key(key)) != names.Key(key) {
				t.Errorf("the %s %q has the key %q", what, got, key)
			}
			if names.SameAddress(got, strings.ToUpper(got)) && !names.Same(got, strings.ToUpper(got)) {
				t.Errorf("the %s %q is the same address in capitals, but another name", what, got)
			}
		}
	})
}
