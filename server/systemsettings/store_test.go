package systemsettings

import (
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/waystation/waystation/rpc/methods/servermethods"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(dbtest.Runner{M: m}) }

func TestSettings(t *testing.T) {
	dbtest.OnEach(t, func(t *testing.T, address string) {
		db, err := database.Open(t.Context(), address, database.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		s, err := Open(t.Context(), db, servermethods.SystemSettings{AppName: "Waystation", Timezone: "UTC"})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Get(t.Context()); err != nil || got.AppName != "Waystation" || got.UpdatedAt != nil || s.RegistrationOpen(t.Context()) {
			t.Errorf("before a change: %+v, %v", got, err)
		}
		// Changes of different settings at the same time are all kept.
		var done sync.WaitGroup
		logo := "/logo.png"
		for _, change := range []func(*servermethods.SystemSettings){
			func(v *servermethods.SystemSettings) { v.AppName = "Shop" },
			func(v *servermethods.SystemSettings) { v.Timezone = "Asia/Jakarta" },
			func(v *servermethods.SystemSettings) { v.LogoURL = &logo },
			func(v *servermethods.SystemSettings) { v.RegistrationEnabled = true },
		} {
			done.Go(func() {
				if _, err := s.Update(t.Context(), change); err != nil {
					t.Error(err)
				}
			})
		}
		done.Wait()
		again, err := Open(t.Context(), db, servermethods.SystemSettings{AppName: "other"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := again.Get(t.Context())
		if err != nil || got.AppName != "Shop" || got.Timezone != "Asia/Jakarta" || got.LogoURL == nil || *got.LogoURL != logo || !got.RegistrationEnabled || got.UpdatedAt == nil {
			t.Errorf("after the changes: %+v, %v", got, err)
		}
		if zone := again.Zone(t.Context()); zone.String() != "Asia/Jakarta" || !s.RegistrationOpen(t.Context()) {
			t.Errorf("zone %s", zone)
		}
	})
}
