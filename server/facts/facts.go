// Package facts keeps facts about a database in the database: the network to which its sessions belong, and a check
// of the server's secret.
package facts

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/server/config"
	"github.com/waystation/waystation/transports/kit/database"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Networks a database can belong to.
const (
	networkWhatsApp = "whatsapp"
	networkSandbox  = "sandbox"
)

// Claim creates the table of facts, marks a new database with its network, and rejects one of the other network: the
// network would answer foreign credentials, real or simulated, with a logout.
func Claim(ctx context.Context, db *dbutil.Database, cfg *config.Config) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	owned, err := database.Migrate(ctx, db, "server", files)
	if err != nil {
		return err
	}
	network := networkWhatsApp
	if cfg.OnSandbox() {
		network = networkSandbox
	}
	var claimed string
	err = owned.QueryRow(ctx, `SELECT value FROM server_facts WHERE name='network'`).Scan(&claimed)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		_, err = owned.Exec(ctx, `INSERT INTO server_facts (name, value) VALUES ('network', $1)`, network)
		return err
	case err != nil:
		return err
	case claimed == networkSandbox && network == networkWhatsApp:
		return errors.New("the database contains sessions of the simulated network; start with the sandbox, or with another database")
	case claimed == networkWhatsApp && network == networkSandbox:
		return errors.New("the database contains real WhatsApp sessions; the sandbox needs a database of its own")
	case claimed != network:
		return fmt.Errorf("the database belongs to the unknown network %q", claimed)
	}
	return nil
}

// Read returns a fact; "" = the database has none of the name.
func Read(ctx context.Context, db *dbutil.Database, name string) (value string, err error) {
	err = db.QueryRow(ctx, `SELECT value FROM server_facts WHERE name=$1`, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, err
}
