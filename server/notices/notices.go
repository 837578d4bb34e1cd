// Package notices contains the licence texts that binaries must include.
package notices

import _ "embed" // the text

// ThirdParty is the list of modules in the binary with the texts of their licences, written by make licenses.
//
//go:embed third-party.txt
var ThirdParty string
