package people

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/directory"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
)

// TestWritersOfPeopleDoNotDeadlock runs the writers and readers of contact keys, pairs, contacts and groups of one session
// against each other, with the same few people in opposite orders, and the purge of each against all.
func TestWritersOfPeopleDoNotDeadlock(t *testing.T) {
	dbtest.OnEachContended(t, writersOfPeople)
}

func writersOfPeople(t *testing.T, address string) {
	const owner, n = "s~1", 6
	db := openTestDBAt(t, address)
	if _, err := db.Exec(t.Context(), `CREATE TABLE IF NOT EXISTS whatsmeow_lid_map (lid TEXT PRIMARY KEY, pn TEXT UNIQUE NOT NULL)`); err != nil {
		t.Fatal(err)
	}
	listed, err := directory.Open(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	pn := func(i int) types.JID { return types.NewJID(fmt.Sprintf("1555010%04d", i), types.DefaultUserServer) }
	lid := func(i int) types.JID { return types.NewJID(fmt.Sprintf("10000000000%04d", i), types.HiddenUserServer) }
	at := func(i, call int) int {
		if call%2 == 1 {
			return n - 1 - i
		}
		return i
	}
	groups := func(call int) (list []directory.Group) {
		for _, jid := range dbtest.Keys("g", n, call) {
			list = append(list, directory.Group{JID: jid, Data: []byte("{}")})
		}
		return list
	}
	dbtest.Contend(t, address, 4, 6, nil, dbtest.Writers{
		"contact keys": func(ctx context.Context, call int) error {
			keys, list := NewKeys(db), make([]wa.Person, n) // no cache: each call writes
			for i := range list {
				switch k := at(i, call); call % 3 {
				case 0:
					list[i] = wa.Person{PN: pn(k)}
				case 1:
					list[i] = wa.Person{LID: lid(k)}
				default:
					list[i] = wa.Person{PN: pn(k), LID: lid(k)}
				}
			}
			_, _, err := keys.Keys(ctx, owner, list)
			return err
		},
		"lids": func(ctx context.Context, call int) error {
			pairs := make([]lidPair, n)
			for i := range pairs {
				pairs[i] = lidPair{lid(at(i, call)).User, pn((i + call) % n).User}
			}
			return NewLIDs(db).putPair(ctx, owner, pairs)
		},
		"pairs": func(ctx context.Context, call int) error {
			pairs := make([]directory.Pair, n)
			for i := range pairs {
				pairs[i] = directory.Pair{PN: pn(at(i, call)).String(), LID: lid(at(i, call)).String()}
			}
			return listed.SeePairs(ctx, owner, pairs, time.UnixMilli(1760000000000))
		},
		"group list": func(ctx context.Context, call int) error {
			return listed.ReplaceGroups(ctx, owner, groups(call), time.UnixMilli(1760000000000))
		},
		"groups of a commit": func(ctx context.Context, call int) error {
			return database.Transact(ctx, db, func(ctx context.Context) error {
				for _, group := range groups(call) {
					if err := listed.PutGroup(ctx, owner, group, time.UnixMilli(1760000000000)); err != nil {
						return err
					}
				}
				return nil
			})
		},
		"remove group": func(ctx context.Context, call int) error {
			return listed.RemoveGroup(ctx, owner, fmt.Sprint("g", call%n))
		},
		"more pairs": func(ctx context.Context, call int) error { // of one LID with changing numbers
			pairs := make([]directory.Pair, n)
			for i := range pairs {
				pairs[i] = directory.Pair{PN: pn((i + call) % n).String(), LID: lid(at(i, call)).String()}
			}
			return listed.AddPairs(ctx, owner, pairs, time.UnixMilli(1760000000000))
		},
		"read groups": func(ctx context.Context, call int) error {
			list, err := listed.Groups(ctx, owner)
			if err != nil || len(list) > n {
				return fmt.Errorf("%d groups: %w", len(list), err)
			}
			_, _, err = listed.Group(ctx, owner, fmt.Sprint("g", call%n))
			return err
		},
		"read pairs": func(ctx context.Context, call int) error {
			list, total, err := listed.Pairs(ctx, owner, 2*n, 0)
			if err != nil || len(list) > n || total != len(list) {
				return fmt.Errorf("%d of %d pairs: %w", len(list), total, err)
			}
			_, _, err = listed.Pair(ctx, owner, lid(call%n).String())
			return err
		},
		"read lids": func(ctx context.Context, call int) error {
			lids := NewLIDs(db).Of(owner)
			if _, err := lids.GetLIDForPN(ctx, pn(call%n)); err != nil {
				return err
			}
			_, err := lids.GetPNForLID(ctx, lid(call%n))
			return err
		},
		"purge": func(ctx context.Context, _ int) error {
			for _, purge := range []func(context.Context, string) error{NewKeys(db).Purge, NewLIDs(db).Purge, listed.Purge} {
				if err := purge(ctx, owner); err != nil {
					return err
				}
			}
			return nil
		},
	})
}
