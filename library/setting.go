package library

import (
	"context"
	"database/sql"
	"errors"
)

// Settings that a library is made with.
const (
	settingID      = "library.id"
	settingCreated = "library.created"
)

// Setting returns the value kept under key, or "" and false.
func (l *Library) Setting(ctx context.Context, key string) (value string, ok bool, err error) {
	err = l.readers.QueryRowContext(ctx, "SELECT value FROM settings WHERE key = ?", key).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return value, err == nil, l.explain("read a setting of", err)
}

// SetSetting keeps value under key, in place of an earlier one.
func (l *Library) SetSetting(ctx context.Context, key, value string) error {
	return l.write(ctx, "change a setting of", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value)
		return err
	})
}

// RemoveSetting forgets the value kept under key, if there is one.
func (l *Library) RemoveSetting(ctx context.Context, key string) error {
	return l.write(ctx, "change a setting of", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM settings WHERE key = ?", key)
		return err
	})
}
