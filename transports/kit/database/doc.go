// Package database opens the one database handle that every package shares,
// SQLite or PostgreSQL, and runs each owner's numbered migrations.
//
// It owns connection settings and, for SQLite, the gate that makes writers queue
// in the process. It knows no table.
package database
