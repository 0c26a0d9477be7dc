//go:build allremotes

package rclone

import _ "github.com/rclone/rclone/backend/all"
