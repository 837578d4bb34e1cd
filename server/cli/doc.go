// Package cli is the command line of the program: its commands, their flags and help, and what it prints for people.
//
// The command serve parses the settings and passes them to a function of package main, which starts the server. All
// other commands are complete here; try and health are clients of a running server. FirstSteps prepares the first
// start of a server: it prints pairing codes, or runs the demo.
package cli
