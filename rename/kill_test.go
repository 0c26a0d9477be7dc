package rename

const victimEnv = "SD_RENAME_VICTIM"

func victim() {}
