package names

import (
	"slices"
	"unicode"
)

// writtenTogether returns scripts that one language writes together, each with Latin: Japanese,
// Korean, and Chinese (Unicode Technical Standard 39 §5.2, highly restrictive).
func writtenTogether() [][]string {
	return [][]string{{"Han", "Hiragana", "Katakana"}, {"Han", "Hangul"}, {"Han", "Bopomofo"}}
}

// mixesScripts reports whether a text has letters of scripts that no language writes together, such as
// a Cyrillic а among Latin letters.
func mixesScripts(s string) bool {
	var scripts []string
	for _, r := range s {
		if r > unicode.MaxASCII {
			scripts = append(scripts, scriptOf(r))
		} else if unicode.IsLetter(r) {
			scripts = append(scripts, "Latin")
		}
	}
	slices.Sort(scripts)
	scripts = slices.DeleteFunc(slices.Compact(scripts), func(name string) bool { return name == "" })
	if len(scripts) <= 1 {
		return false
	}
	return !slices.ContainsFunc(writtenTogether(), func(together []string) bool {
		return !slices.ContainsFunc(scripts, func(name string) bool { return name != "Latin" && !slices.Contains(together, name) })
	})
}

// scriptOf returns the name of the script that a character belongs to, or "" if it is used with several.
func scriptOf(r rune) string {
	if unicode.In(r, unicode.Common, unicode.Inherited) {
		return ""
	}
	for name, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			return name
		}
	}
	return "unknown"
}
