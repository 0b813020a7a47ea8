module seep.test/exits

go 1.18
