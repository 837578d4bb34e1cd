package main

import (
	"context"
	"errors"
	"os"
	"os/exec"

	"github.com/waystation/waystation/server/accounts"
)

// hashCommand is the argument that makes this program hash passwords for a server. People do not use it.
const hashCommand = "hash-passwords"

// hashProgram returns the command of a process that hashes passwords. It gets no settings and no secrets.
func hashProgram() *exec.Cmd {
	path, err := os.Executable()
	cmd := exec.Command(path, hashCommand)
	cmd.Env, cmd.Err = []string{}, errors.Join(cmd.Err, err)
	return cmd
}

// openAccounts opens the store of accounts, which authenticates their credentials.
func (a *app) openAccounts(ctx context.Context) (err error) {
	a.accounts, err = accounts.Open(ctx, a.db, accounts.Config{
		MaxAccounts: a.cfg.MaxAccounts, MaxKeys: a.cfg.MaxAccountKeys, MaxLogins: a.cfg.MaxAccountLogins, MaxGrants: a.cfg.MaxSessionAccounts, LoginTTL: a.cfg.LoginTTL,
		Hashes: a.cfg.PasswordHashes, HashRate: a.cfg.PasswordRate, HashProgram: hashProgram, WrongPasswords: a.cfg.WrongPasswords,
		Key: a.secret.Key("account keys"), PreviousKeys: a.secret.PreviousKeys("account keys"), Changed: a.recheckConnections, Log: a.log.With("part", "accounts"),
	})
	if err == nil {
		a.onClose("accounts", a.accounts.Close)
	}
	return err
}

// recheckConnections closes or limits the open connections of accounts after credentials or access were taken away.
func (a *app) recheckConnections() {
	select {
	case <-a.socketsOpen:
		a.endpoint.RecheckAccess()
		a.events.RecheckAccess()
		a.watching.RecheckAccess()
	default: // no connection is open
	}
}

// hasSession reports whether a session exists.
func (a *app) hasSession(id string) bool {
	_, err := a.bridge.Session(id)
	return err == nil
}
