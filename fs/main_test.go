package fs_test

import (
	"testing"

	"sd/internal/mounttest"
)

func TestMain(m *testing.M) { mounttest.Main(m) }
