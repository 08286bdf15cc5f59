# SPDX-License-Identifier: GPL-2.0-only
#
# The tables of lab/report, as HTML. part= says what the input is:
#   table    rows with tabs between the cells, the head first; title= is the caption
#   lab      after what=cfg lab/tests.cfg, after what=logs lab/report's lines; kernel= is the version
#   sum      the same, for one line about all
#   compare  logs with what memory_types --table printed, after what=shipped and what=patched
#   vmm      docs/vmm/KERNEL-qemu-VERSION.txt
#   bench    docs/bench/bench.txt
#   regress  docs/regress/KERNEL.txt
#   stress   docs/stress.txt: a line about kernel=
#   text     any text
#   line     nothing: title= is the line
# A cell is not marked by its colour alone: it says the same in words.

function esc(s)
{
	gsub(/&/, "\\&amp;", s)
	gsub(/</, "\\&lt;", s)
	gsub(/>/, "\\&gt;", s)
	gsub(/"/, "\\&quot;", s)
	return s
}

# The class of a cell, by what it says.
function kind(s)
{
	if (s ~ /^(not run|no log|-$)/) return "none"
	if (s ~ /not ok|VM dies|KVM_RUN|hangs|DIFFERS|UNEXPLAINED/) return "no"
	if (s ~ /[1-9][0-9]* (differ|unexplained|not as the list)|violations [1-9]/) return "no"
	return s ~ /^[0-9]+ ok/ && s !~ /not run/ ? "ok" : ""
}

# "text", or "text \001 what it means"; \002 in front: not as shipped.
function cell(tag, s,    word, changed, class)
{
	changed = sub(/^\002/, "", s)
	split(s, word, "\001")
	class = kind(word[1])
	return "<" tag (class ? " class=\"" class "\"" : "") ">" (changed ? "<u>" esc(word[1]) "</u>" : esc(word[1])) \
	       (word[2] ? "<small>" esc(word[2]) "</small>" : "") "</" substr(tag, 1, 2) ">"
}

# Of the rows, the first is the head.
function table(caption,    i, j, col, cols)
{
	if (rows < 2)
		return
	printf "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\">\n", esc(caption)
	printf "<table>\n<caption>%s</caption>\n", esc(caption)
	for (i = 1; i <= rows; i++) {
		cols = split(row[i], col, "\t")
		printf i == 1 ? "<thead><tr>" : "<tr>"
		for (j = 1; j <= cols; j++)
			printf "%s", cell(i == 1 ? "th scope=\"col\"" : j == 1 ? "th scope=\"row\"" : "td", col[j])
		print i == 1 ? "</tr></thead>\n<tbody>" : "</tr>"
	}
	print "</tbody></table></div>"
}

function add(line) { row[++rows] = line }

BEGIN { lab = part == "lab" || part == "sum" }
{ sub(/\r$/, "") }

part == "text" && FNR == 1 { print "<pre tabindex=\"0\">" }
part == "text" && !/SPDX-License-Identifier/ { print esc($0) }

part == "table" { add($0) }

# what=cfg is lab/tests.cfg, as lab/cfg.sh reads it.
lab && what == "cfg" && /^\[machine / { here = substr($0, 10, length($0) - 10); section[++sections] = here; next }
lab && what == "cfg" && /^\[/ {
	here = substr($0, 2, length($0) - 2)
	test[++tests] = here
	next
}
lab && what == "cfg" && / =/ {
	key = $1
	sub(/^[^=]*= ?/, "")
	cfg[here, key] = $0
	next
}

function allows(here, key, word) { return !((here, key) in cfg) || index(" " cfg[here, key] " ", " " word " ") }

function meant(m, name) { return name == "boot" || name ~ /^kvm-/ || allows(name, "machines", m) && allows(m, "tests", name) }

function has(m,    text)
{
	text = (cfg[m, "fwb"] == 1 ? ", FWB" : "") (cfg[m, "dic"] == 1 ? ", DIC" : "") (cfg[m, "mte"] == 1 ? ", MTE" : "")
	return text ? substr(text, 3) : "none of FWB, DIC, MTE"
}

# log MACHINE TIME KERNEL COMMITS, then lab/check's lines about it
lab && /^log\t/ {
	split($0, f, "\t")
	for (i = 3; i <= 5; i++)
		fact[f[2], i] = f[i]
	logs++
	next
}
lab && /^(not )?ok - / {
	result = /^not ok/ ? "not ok" : / # SKIP/ ? "skipped" : "ok"
	sub(/^(not )?ok - [^ ]+ /, "")
	m = name = what = $0
	sub(/:.*/, "", m)
	sub(/^[^:]*: /, "", what)
	name = what
	sub(/[: ].*/, "", name)
	if (!(name in known)) {
		known[name]
		if (!((name, "command") in cfg))
			early[++nr_early] = name
	}
	count[m, name, result]++
	total[result]++
	seen[m, name]
	if (result == "ok")
		next
	sub(/ # SKIP/, ":", what)
	if (!((result, what) in where)) list[result, ++lists[result]] = what
	where[result, what] = where[result, what] (where[result, what] ? ", " : "") m
}

function counts(m, name,    text)
{
	if (!((m, name) in seen))
		return !meant(m, name) ? "-" : (m, 3) in fact ? "not run" : "no log"
	text = ""
	if (count[m, name, "not ok"]) text = text ", " count[m, name, "not ok"] " not ok"
	if (count[m, name, "ok"]) text = text ", " count[m, name, "ok"] " ok"
	if (count[m, name, "skipped"]) text = text ", " count[m, name, "skipped"] " skipped"
	return substr(text, 3)
}

function cells(name,    j, line)
{
	line = ""
	for (j = 1; j <= machines; j++)
		line = line "\t" counts(machine[j], name)
	return line
}

# All of it in a line. "no log" and "not run" both are something that is missing.
function sum(    i, line, missing)
{
	for (i = 1; i <= tests; i++) {
		line = cells(test[i])
		missing += gsub(/not run|no log/, "", line)
	}
	print (total["not ok"] ? total["not ok"] " not ok, " : "") total["ok"] + 0 " ok, " total["skipped"] + 0 \
	      " skipped, on " logs " of " machines " machines" (missing ? "; " missing " times a test was not run" : "")
}

function listed(result,    i, what)
{
	print "<ul>"
	for (i = 1; i <= lists[result]; i++) {
		what = list[result, i]
		printf "<li>%s <small>on %s</small></li>\n", esc(what), esc(where[result, what])
	}
	print "</ul>"
}

function matrix(    i, j, m, line)
{
	row[1] = "test"
	row[2] = "-cpu, KVM mode"
	row[3] = "the CPU has"
	row[4] = "log made"
	row[5] = "kernel\001version in the log, package of that time"
	row[6] = "series since then"
	rows = 6
	for (j = 1; j <= machines; j++) {
		m = machine[j]
		row[1] = row[1] "\t" m
		row[2] = row[2] "\t" cfg[m, "cpu"] ", " cfg[m, "mode"]
		row[3] = row[3] "\t" has(m)
		for (i = 3; i <= 5; i++)
			row[i + 1] = row[i + 1] "\t" ((m, i) in fact ? fact[m, i] : i == 3 ? "no log" : "-")
	}
	for (i = 1; i <= nr_early; i++)
		add(early[i] "\001" (early[i] ~ /^kvm-/ ? "KUnit suite, while the kernel boots" : "") cells(early[i]))
	for (i = 1; i <= tests; i++)
		if (cells(test[i]) ~ /\t[^-]/)
			add(test[i] "\001" cfg[test[i], "shows"] cells(test[i]))
	table(title)
	if (lists["not ok"]) {
		print "<p class=\"no\">Not ok:</p>"
		listed("not ok")
	}
	if (lists["skipped"]) {
		print "<details><summary>What was skipped, why and where</summary>"
		listed("skipped")
		print "</details>"
	}
}

# what= is shipped or patched.
part == "compare" && /^table[|]/ {
	n = split($0, f, / *[|] */)
	if (!(f[2] in known)) { known[f[2]]; name_of[++names] = f[2] }
	for (i = 3; i <= n; i++)
		got[what, f[2], i] = f[i]
}

function compared(what, name, j) { return (what, name, j) in got ? got[what, name, j] : "not run" }

function compare(    i, j, shipped, patched, old, new)
{
	add("memory of the VMM\tkernel\taligned\tunaligned\texecute\tpage tables\tstage 2")
	for (i = 1; i <= names; i++) {
		shipped = name_of[i] "\tas shipped"
		patched = name_of[i] "\tpatched"
		for (j = 3; j <= 7; j++) {
			old = compared("shipped", name_of[i], j)
			new = compared("patched", name_of[i], j)
			shipped = shipped "\t" old
			patched = patched "\t" (old == new ? "" : "\002") new
		}
		add(shipped)
		add(patched)
	}
	if (!names)
		add("not ok: the logs have no table")
	table(title)
}

part == "vmm" && FNR == 1 {
	file = FILENAME
	gsub(/.*\/|\.txt$/, "", file)
	sub(/-qemu-/, ", QEMU ", file)
	head = head "\tLinux " file ", as shipped\tLinux " file ", patched"
	files++
	inside = 0
}
part == "vmm" && /^ +as shipped/ { inside = 1; next }
part == "vmm" && /^$/ { inside = 0 }
part == "vmm" && inside {
	split($0, f, /   */)
	if (!(f[1] in known)) { known[f[1]]; name_of[++names] = f[1] }
	got[f[1], files] = f[2] "\t" f[3]
}

function vmm(    i, j, line)
{
	add("what the guest does" head)
	for (i = 1; i <= names; i++) {
		line = name_of[i]
		for (j = 1; j <= files; j++)
			line = line "\t" ((name_of[i], j) in got ? got[name_of[i], j] : "not run\tnot run")
		add(line)
	}
	table(title)
}

# The tables "thousands of instructions": of each kernel's three columns the last is the change.
part == "bench" && /thousands of instructions/ {
	cpu = $0
	sub(/,.*/, "", cpu)
	cpus[++ncpus] = cpu
	columns = split($0, column, / *[|] */) - 1
	inside = 1
	next
}
part == "bench" && !/[|]/ { inside = 0 }
part == "bench" && /^not ok/ { print "<p class=\"no\">" esc($0) "</p>" }
part == "bench" && inside && !/^operation/ {
	gsub(/ %/, "%")
	gsub(/[|]/, " ")
	if (!(($1 " of " $2) in known)) { known[$1 " of " $2]; name_of[++names] = $1 " of " $2 }
	if (!($3 in sizes)) { sizes[$3]; size[++nsizes] = $3 }
	for (i = 1; i <= columns; i++)
		got[cpu, $1 " of " $2, i, $3] = $(3 + 3 * i)
	measured[cpu, $1 " of " $2]
}

function bench(    c, i, j, k, line)
{
	for (c = 1; c <= ncpus; c++) {
		rows = 0
		line = "operation"
		for (i = 1; i <= columns; i++)
			for (k = 1; k <= nsizes; k++)
				line = line "\t" column[i + 1] ", " size[k] " MiB"
		add(line)
		for (j = 1; j <= names; j++) {
			if (!((cpus[c], name_of[j]) in measured))
				continue
			line = name_of[j]
			for (i = 1; i <= columns; i++)
				for (k = 1; k <= nsizes; k++)
					line = line "\t" ((cpus[c], name_of[j], i, size[k]) in got ? \
						got[cpus[c], name_of[j], i, size[k]] : "-")
			add(line)
		}
		table(title ", " cpus[c])
	}
}

part == "regress" && /^[a-z].*:$/ { at = substr($0, 1, length($0) - 1) }
part == "regress" && /^  .*(DIFFERS|UNEXPLAINED|known [0-9]+)$/ {
	split(substr($0, 3), f, /   */)
	add(at "\t" f[1] "\t" f[2] "\t" f[3] "\t" f[4])
}

part == "regress" && /^(known [0-9]|not run:)/ { cause[++causes] = $0 }

function regress(    i)
{
	for (i = rows; i > 0; i--)
		row[i + 1] = row[i]
	row[1] = "machine\ttest\tas shipped\tpatched\tnote"
	rows++
	table(title)
	print "<ul>"
	for (i = 1; i <= causes; i++)
		print "<li>" esc(cause[i]) "</li>"
	print "</ul>"
}

# A line of the table in stress.txt, with the words of its head.
part == "stress" && /^kernel / { split($0, title_of, /   */); next }
part == "stress" && index($0, kernel " ") == 1 {
	n = split($0, f, /   */)
	for (i = 2; i <= n; i++)
		printf "%s%s %s", (i == 2 ? "" : ", "), title_of[i], f[i]
	print ""
}

END {
	for (i = 1; i <= sections; i++)
		if (allows(section[i], "kernels", kernel))
			machine[++machines] = section[i]
	if (part == "lab")
		matrix()
	else if (part == "compare")
		compare()
	else if (part == "vmm")
		vmm()
	else if (part == "bench")
		bench()
	else if (part == "regress" && rows)
		regress()
	else if (part == "table")
		table(title)
	else if (part == "sum" && logs)
		sum()
	else if (part == "text")
		print "</pre>"
	else if (part == "line")
		print "<p>" esc(title) "</p>"
}
