package servermethods

import (
	"context"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

// Release is what a feed of releases says, beside the version that runs.
type Release struct {
	CurrentVersion  string    `json:"current_version" doc:"running version"`
	LatestVersion   string    `json:"latest_version" doc:"newest released version"`
	UpdateAvailable bool      `json:"update_available" doc:"the newest version is newer than the running one; false for builds without a version"`
	ReleaseURL      *string   `json:"release_url" doc:"page of the release; null = the feed names none"`
	CheckedAt       time.Time `json:"checked_at" doc:"when the feed was last asked"`
}

// Releases asks the feed of releases that the operator configured, or returns what it said less than an hour ago.
type Releases interface {
	Check(ctx context.Context) (Release, error)
}

type updateResult struct {
	Release
	Notified bool `json:"notified" doc:"this call left a notice for administrators; they get one for each version"`
}

func registerUpdates(reg *rpc.Registry, d Deps) {
	rpc.Register(reg, rpc.Method{
		Name: "server.checkForUpdates", Summary: "Look whether a newer release exists; if so, leave a notice for administrators.", Scope: rpc.ScopeAccount,
		Description: "The server asks no host for it but the feed that the operator set with -update-feed, and that at most once an hour; without one the call is refused.",
	}, func(ctx context.Context, _ *rpc.Call, _ *shared.None) (out updateResult, err error) {
		if d.Releases == nil {
			return out, rpc.NotSupported("this server has no feed of releases: its operator sets one with -update-feed")
		}
		if out.Release, err = d.Releases.Check(ctx); err != nil || !out.UpdateAvailable {
			return out, err
		}
		out.Notified, err = d.notifyAdmins(ctx, Notice{
			Title: "Version " + out.LatestVersion + " is available", Message: "This server runs version " + out.CurrentVersion + ".", Level: levelInfo, Link: out.ReleaseURL,
		}, "update "+out.LatestVersion)
		return out, err
	})
}

// notifyAdmins leaves a notice for each administrator once: topic names what it is about. It reports whether there was none.
func (d Deps) notifyAdmins(ctx context.Context, n Notice, topic string) (added bool, err error) {
	recipients, err := d.Accounts.AdminIDs(ctx)
	if err != nil {
		return false, err
	}
	count, err := d.Notices.Add(ctx, append(recipients, operator), n, topic)
	return count > 0, err
}
