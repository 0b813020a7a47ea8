module seep.test/layouts

go 1.18
