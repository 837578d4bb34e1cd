package config

import (
	"bytes"
	"testing"

	"github.com/waystation/waystation/docs/doctest"
)

// The page of settings documents every setting, from the tags of the struct.
func TestReferenceOfSettings(t *testing.T) {
	var tables bytes.Buffer
	WriteMarkdown(&tables)
	doctest.CheckSection(t, "docs/reference/settings.md", "settings", tables.String())
}
