// Package notices carries the licence texts that binaries must come with.
package notices

import _ "embed" // the text

// ThirdParty is the list of modules in the binary with the texts of their licences, written by make licenses.
//
//go:embed third-party.txt
var ThirdParty string
