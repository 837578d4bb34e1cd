// Package suggest finds the known name that a mistyped one most likely stands for: methods, parameters, flags, settings.
package suggest

import (
	"strings"
	"unicode"
)

// longest is the longest text for which names are compared, in bytes; longer ones come from no typing mistake.
const longest = 128

// Nearest returns the name that text most likely stands for, or "" when none is near. Letter case and the separators
// "-", "_", "." and space do not count, so that max_frame is near to MaxFrame. Otherwise up to one edit in three
// characters is allowed (insertion, deletion, replacement, or two neighbours exchanged), and at least one. A name of
// which text is the last part after a dot, such as sendText for message.sendText, is near when it is the only one. Of names that are equally near, the
// first is returned.
func Nearest(text string, names []string) string {
	if text == "" || len(text) > longest {
		return ""
	}
	folded := fold(text)
	best, least := "", max(1, len(folded)/3)+1
	for _, name := range names {
		if len(name) > longest || name == text {
			continue
		}
		if d := distance(folded, fold(name), least); d < least {
			best, least = name, d
		}
	}
	if best != "" {
		return best
	}
	return onlyMember(folded, names)
}

// Hint returns `; did you mean "name"?`, or "" when no name is near to text. It is made to end an error text.
func Hint(text string, names []string) string {
	if name := Nearest(text, names); name != "" {
		return `; did you mean "` + name + `"?`
	}
	return ""
}

// onlyMember returns the only name whose last part after a dot is folded.
func onlyMember(folded []rune, names []string) string {
	found := ""
	for _, name := range names {
		i := strings.LastIndexByte(name, '.')
		if i < 0 || string(fold(name[i+1:])) != string(folded) {
			continue
		}
		if found != "" {
			return ""
		}
		found = name
	}
	return found
}

// fold removes what people confuse without meaning another name.
func fold(text string) []rune {
	folded := make([]rune, 0, len(text))
	for _, r := range text {
		if strings.ContainsRune("-_. ", r) {
			continue
		}
		folded = append(folded, unicode.ToLower(r))
	}
	return folded
}

// distance returns the number of edits between a and b (optimal string alignment), or limit when there are that many.
func distance(a, b []rune, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit)
}
