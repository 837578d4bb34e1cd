// Package datadir locks the data directory of a server, measures the free space of its disk, and writes private files
// in it.
package datadir
