package broker

import "strings"

// Clip keeps a foreign text short.
func Clip(text string) string {
	const most = 200
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}
