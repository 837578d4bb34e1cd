// Package sessionconfig has what callers configure of a session: its settings, and the device identity that it presents
// to WhatsApp.
package sessionconfig
