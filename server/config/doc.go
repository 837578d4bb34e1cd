// Package config contains every setting of the server in one struct, Config.
//
// It owns the flags, the WAYSTATION_* environment variables, the text of -help and docs/reference/settings.md: all
// four come from the tags of Config's fields, so that they cannot disagree. It also owns the rules that span fields,
// such as listening on loopback only without an admin token.
//
// It must not know the effects of the settings; package main passes them to the other packages.
//
// Start reading at Config (the settings) and Parse (how they are read).
package config
