// Package config holds every setting of the server in one struct, Config.
//
// It owns the flags, the WAYSTATION_* environment variables, the text of -help and docs/reference/settings.md: all four
// come from the tags of Config's fields, so that they cannot disagree. It also owns the rules that span fields, such as
// listening on loopback only without an admin token.
//
// It must not know what the settings do; package main hands them to the packages that do.
//
// Enter at Config (what can be set) and Parse (how it is read).
package config
