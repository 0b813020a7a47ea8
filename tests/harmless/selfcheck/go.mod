module selfcheck

go 1.18
