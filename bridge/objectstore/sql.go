package objectstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/kit/database"
)

// The encrypted columns, by their names in the vault.
const (
	fieldAccess = "access_key"
	fieldSecret = "secret_key"
	fieldTarget = "target"
)

const settingsColumns = `session, enabled, endpoint, region, bucket, access_key, secret_key, path_style, public_url, media_delivery, retention_days,
	disable_acl, updated`

// store executes the SQL of this package.
type store struct {
	db    *dbutil.Database
	vault *sealer
}

type sessionSettings struct {
	session string
	Settings
}

func (s *store) allSettings(ctx context.Context) ([]*sessionSettings, error) {
	rows, err := s.db.Query(ctx, `SELECT `+settingsColumns+` FROM s3_settings`)
	list, err := dbutil.NewRowIterWithError(rows, s.scanSettings, err).AsList()
	if err != nil {
		return nil, fmt.Errorf("s3: read settings: %w", err)
	}
	return list, nil
}

func (s *store) scanSettings(row dbutil.Scannable) (*sessionSettings, error) {
	var c sessionSettings
	var access, secret []byte
	var updated int64
	err := row.Scan(&c.session, &c.Enabled, &c.Endpoint, &c.Region, &c.Bucket, &access, &secret, &c.PathStyle, &c.PublicURL, &c.Delivery,
		&c.RetentionDays, &c.DisableACL, &updated)
	if err != nil {
		return nil, err
	}
	if c.AccessKey, err = s.vault.open(access, c.session, fieldAccess); err != nil {
		return nil, err
	}
	if c.SecretKey, err = s.vault.open(secret, c.session, fieldSecret); err != nil {
		return nil, err
	}
	c.Updated = time.UnixMilli(updated).UTC()
	return &c, nil
}

func (s *store) putSettings(ctx context.Context, session string, c *Settings) error {
	_, err := s.exec(ctx, `INSERT INTO s3_settings (`+settingsColumns+`) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13)
		ON CONFLICT (session) DO UPDATE SET enabled=excluded.enabled, endpoint=excluded.endpoint, region=excluded.region,
			bucket=excluded.bucket, access_key=excluded.access_key, secret_key=excluded.secret_key, path_style=excluded.path_style,
			public_url=excluded.public_url, media_delivery=excluded.media_delivery, retention_days=excluded.retention_days,
			disable_acl=excluded.disable_acl, updated=excluded.updated`,
		session, c.Enabled, c.Endpoint, c.Region, c.Bucket, s.vault.seal(c.AccessKey, session, fieldAccess),
		s.vault.seal(c.SecretKey, session, fieldSecret), c.PathStyle, c.PublicURL, string(c.Delivery), c.RetentionDays, c.DisableACL,
		c.Updated.UnixMilli())
	return err
}

func (s *store) dropSettings(ctx context.Context, session string) (bool, error) {
	n, err := s.exec(ctx, `DELETE FROM s3_settings WHERE session=$1`, session)
	return n > 0, err
}

func (s *store) addJob(ctx context.Context, j *Job) (bool, error) {
	n, err := s.exec(ctx, `INSERT INTO s3_jobs (lane, session, place, ref, object, about, created, due, attempts) VALUES ($1,$2,$3,$4,$5,$6,$7,$7,0)
		ON CONFLICT (session, place, ref) DO NOTHING`, j.lane, j.Session, string(j.Place), j.Ref, j.Object, j.About, j.Created.UnixMilli())
	return n > 0, err
}

// nextJob returns the job of a lane that is due first; nil if the lane is empty.
func (s *store) nextJob(ctx context.Context, lane string) (*Job, error) {
	rows, err := s.db.Query(ctx, `SELECT id, lane, session, place, ref, object, about, created, due, attempts FROM s3_jobs
		WHERE lane=$1 ORDER BY due, id LIMIT 1`, lane)
	list, err := dbutil.NewRowIterWithError(rows, scanJob, err).AsList()
	if err != nil {
		return nil, fmt.Errorf("s3: read jobs: %w", err)
	}
	if len(list) == 0 {
		return nil, nil
	}
	return list[0], nil
}

func scanJob(row dbutil.Scannable) (*Job, error) {
	var j Job
	var created, due int64
	err := row.Scan(&j.id, &j.lane, &j.Session, &j.Place, &j.Ref, &j.Object, &j.About, &created, &due, &j.attempts)
	j.Created, j.due = time.UnixMilli(created).UTC(), time.UnixMilli(due).UTC()
	return &j, err
}

func (s *store) delayJob(ctx context.Context, id int64, until time.Time) error {
	_, err := s.exec(ctx, `UPDATE s3_jobs SET attempts=attempts+1, due=$2 WHERE id=$1`, id, until.UnixMilli())
	return err
}

// endJob deletes a job. It returns false if the job was deleted before.
func (s *store) endJob(ctx context.Context, id int64) (bool, error) {
	n, err := s.exec(ctx, `DELETE FROM s3_jobs WHERE id=$1`, id)
	return n > 0, err
}

// waiting counts the jobs of each lane.
func (s *store) waiting(ctx context.Context) (map[string]int, error) {
	type count struct {
		lane string
		n    int
	}
	rows, err := s.db.Query(ctx, `SELECT lane, COUNT(*) FROM s3_jobs GROUP BY lane`)
	list, err := dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (c count, err error) {
		err = row.Scan(&c.lane, &c.n)
		return c, err
	}, err).AsList()
	if err != nil {
		return nil, fmt.Errorf("s3: count jobs: %w", err)
	}
	counts := map[string]int{}
	for _, c := range list {
		counts[c.lane] = c.n
	}
	return counts, nil
}

// stored is an object in a storage.
type stored struct {
	id      int64
	session string
	object  string
	size    int64
}

func (s *store) addObject(ctx context.Context, j *Job, target *Settings, size int64, at time.Time) error {
	_, err := s.exec(ctx, `INSERT INTO s3_objects (session, place, endpoint, bucket, object, size, created) VALUES ($1,$2,$3,$4,$5,$6,$7)
		ON CONFLICT (session, place, endpoint, bucket, object) DO UPDATE SET size=excluded.size, created=excluded.created`,
		j.Session, string(j.Place), target.address(), target.Bucket, j.Object, size, at.UnixMilli())
	return err
}

// oldObjects lists objects in a storage created no later than until, of one session or of all.
func (s *store) oldObjects(ctx context.Context, place Place, session string, target *Settings, until time.Time, limit int) ([]*stored, error) {
	rows, err := s.db.Query(ctx, `SELECT id, session, object, size FROM s3_objects
		WHERE place=$1 AND ($2='' OR session=$2) AND endpoint=$3 AND bucket=$4 AND created<=$5 ORDER BY created LIMIT $6`,
		string(place), session, target.address(), target.Bucket, until.UnixMilli(), limit)
	list, err := dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (*stored, error) {
		var o stored
		err := row.Scan(&o.id, &o.session, &o.object, &o.size)
		return &o, err
	}, err).AsList()
	if err != nil {
		return nil, fmt.Errorf("s3: list objects: %w", err)
	}
	return list, nil
}

func (s *store) forgetObjects(ctx context.Context, objects []*stored) error {
	return database.Transact(ctx, s.db, func(ctx context.Context) error {
		for _, o := range objects {
			if _, err := s.exec(ctx, `DELETE FROM s3_objects WHERE id=$1`, o.id); err != nil {
				return err
			}
		}
		return nil
	})
}

// purge identifies the objects of a deleted session in one of the places.
type purge struct {
	id      int64
	session string
	place   Place
	target  *Settings // settings of the session's own storage
	cutoff  time.Time
}

// dropSession deletes all stored data of a session. With purge, it adds purges for the session's objects.
func (s *store) dropSession(ctx context.Context, session string, own *Settings, purge bool, now time.Time) error {
	var sealed []byte
	if own != nil {
		text, err := json.Marshal(own)
		if err != nil {
			return fmt.Errorf("s3: %w", err)
		}
		sealed = s.vault.seal(string(text), session, fieldTarget)
	}
	return database.Transact(ctx, s.db, func(ctx context.Context) error {
		for _, query := range []string{`DELETE FROM s3_settings WHERE session=$1`, `DELETE FROM s3_jobs WHERE session=$1`} {
			if _, err := s.exec(ctx, query, session); err != nil {
				return err
			}
		}
		if purge {
			err := s.addPurge(ctx, session, PlaceGlobal, nil, now)
			if err == nil && own != nil {
				err = s.addPurge(ctx, session, PlaceSession, sealed, now)
			}
			if err != nil {
				return err
			}
		}
		// The keys of the other objects are gone. A purge with the keys may remain from an earlier attempt that failed
		// later in the deletion.
		_, err := s.exec(ctx, `DELETE FROM s3_objects WHERE session=$1 AND place='session'
			AND NOT EXISTS (SELECT 1 FROM s3_purges WHERE session=$1 AND place='session')`, session)
		return err
	})
}

func (s *store) addPurge(ctx context.Context, session string, place Place, target []byte, now time.Time) error {
	_, err := s.exec(ctx, `INSERT INTO s3_purges (session, place, target, cutoff) VALUES ($1, $2, $3, $4)`, session, string(place), target, now.UnixMilli())
	return err
}

func (s *store) purges(ctx context.Context) ([]*purge, error) {
	rows, err := s.db.Query(ctx, `SELECT id, session, place, target, cutoff FROM s3_purges ORDER BY id`)
	list, err := dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (*purge, error) {
		var p purge
		var sealed []byte
		var cutoff int64
		if err := row.Scan(&p.id, &p.session, &p.place, &sealed, &cutoff); err != nil {
			return nil, err
		}
		p.cutoff = time.UnixMilli(cutoff).UTC()
		text, err := s.vault.open(sealed, p.session, fieldTarget)
		if err != nil || text == "" {
			return &p, err
		}
		return &p, json.Unmarshal([]byte(text), &p.target)
	}, err).AsList()
	if err != nil {
		return nil, fmt.Errorf("s3: list purges: %w", err)
	}
	return list, nil
}

// leftOf counts the remaining objects of a purge.
func (s *store) leftOf(ctx context.Context, p *purge) (n int, err error) {
	err = s.db.QueryRow(ctx, `SELECT COUNT(*) FROM s3_objects WHERE session=$1 AND place=$2 AND created<=$3`,
		p.session, string(p.place), p.cutoff.UnixMilli()).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("s3: count objects: %w", err)
	}
	return n, nil
}

// endPurge deletes a purge and the rows of its remaining objects.
func (s *store) endPurge(ctx context.Context, p *purge) error {
	return database.Transact(ctx, s.db, func(ctx context.Context) error {
		_, err := s.exec(ctx, `DELETE FROM s3_objects WHERE session=$1 AND place=$2 AND created<=$3`, p.session, string(p.place), p.cutoff.UnixMilli())
		if err == nil {
			_, err = s.exec(ctx, `DELETE FROM s3_purges WHERE id=$1`, p.id)
		}
		return err
	})
}

func (s *store) exec(ctx context.Context, query string, args ...any) (rows int64, err error) {
	result, err := database.Exec(ctx, s.db, query, args...)
	if err == nil {
		rows, err = result.RowsAffected()
	}
	if err != nil {
		return 0, fmt.Errorf("s3: %w", err)
	}
	return rows, nil
}
