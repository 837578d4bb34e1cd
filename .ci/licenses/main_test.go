package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestModulesWithOtherLicencesAreRefused(t *testing.T) {
	apache, err := os.ReadFile("../../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	const agpl = "GNU AFFERO GENERAL PUBLIC LICENSE\n\nThis program is free software: you can redistribute it and/or modify it under the terms of the GNU Affero General Public License as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.\n"
	for name, c := range map[string]struct{ file, text, want string }{
		"allowed":    {"LICENSE", string(apache), ""},
		"disallowed": {"COPYING", agpl, "not"},
		"unknown":    {"LICENSE.txt", "You may use this on Sundays.\n", "not a licence that is known"},
		"missing":    {"README.md", "text", "has no licence file"},
		"notice":     {"NOTICE", "Copyright", "has no licence file"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, c.file), []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			err := (&module{Path: "module.example", Dir: dir}).read()
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
