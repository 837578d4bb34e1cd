package database

import (
	"context"
	"database/sql/driver"
)

// plainConnector opens connections without the gate, for comparison.
type plainConnector struct {
	driver driver.Driver
	dsn    string
}

func (c plainConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c plainConnector) Driver() driver.Driver                        { return c.driver }
