package wuzapi

import (
	"strings"
	"unicode"
)

// bothSpellings adds to every member of a message its name before August 2024 where that differs: whatsmeow renamed the
// fields of its protocol buffers then (url became URL, fileSha256 fileSHA256, ptt PTT, stanzaId stanzaID), and receivers
// of both times are in use.
func bothSpellings(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			member = bothSpellings(member)
			v[name] = member
			if older := olderName(name); older != name {
				if _, taken := v[older]; !taken {
					v[older] = member
				}
			}
		}
	case []any:
		for i := range v {
			v[i] = bothSpellings(v[i])
		}
	}
	return value
}

// words are the initialisms that follow another one directly in names of fields (faviconCDNURL), or take a plural s
// (keyIDs).
var words = []string{"URL", "JID", "JPEG", "SHA", "ID"}

// olderName returns the name that a field had when initialisms were written like words: url for URL, fileSha256 for
// fileSHA256, jpegThumbnail for JPEGThumbnail, keyIds for keyIDs, faviconCdnUrl for faviconCDNURL.
func olderName(name string) string {
	letters := []rune(name)
	var out strings.Builder
	for i := 0; i < len(letters); {
		if !unicode.IsUpper(letters[i]) {
			out.WriteRune(letters[i])
			i++
			continue
		}
		end := i + 1
		for end < len(letters) && unicode.IsUpper(letters[end]) {
			end++
		}
		plural := end < len(letters) && letters[end] == 's' && (end+1 == len(letters) || unicode.IsUpper(letters[end+1]))
		next := "" // the capital that begins the word after the run
		if end < len(letters) && unicode.IsLower(letters[end]) && !plural && end > i+1 {
			end--
			next = string(letters[end])
		}
		for at, word := range splitRun(string(letters[i:end])) {
			if i == 0 && at == 0 {
				out.WriteString(strings.ToLower(word))
			} else {
				out.WriteString(word[:1] + strings.ToLower(word[1:]))
			}
		}
		out.WriteString(next)
		i = end + len(next)
	}
	return out.String()
}

// splitRun splits a run of capitals into its initialisms.
func splitRun(run string) []string {
	for _, word := range words {
		if first, found := strings.CutSuffix(run, word); found && len(first) > 1 {
			return []string{first, word}
		}
	}
	return []string{run}
}
