"""What stands in a report, as tables, and its words to paste: everything from the facts, nothing drawn."""

import pandas as pd
import streamlit as st

from pages.ui import evidence, messages
from pages.ui.words import in_page

_OPEN = "for you to fill in"
_DOI = "https://doi.org/"


def tables(summary):
    """Scores, coverage, areas, drivers, leakage, files and further results, each as a table."""
    from soilcore.reporting import tables as made

    known = {
        "Scores": made.score_table(summary),
        "Coverage": made.coverage_table(summary),
        "Areas": made.area_table(summary),
        "Leakage": made.leakage_table(summary) if summary["leakage"] else None,
        "Files": made.input_table(summary) if summary["inputs"] else None,
    }
    shown = {name: _frame(table) for name, table in known.items() if table and table["rows"]}
    for driver in summary["drivers"]:
        shown[_fresh("Drivers", shown)] = _drivers(driver)
    for tab, (name, table) in zip(st.tabs(list(shown)), shown.items(), strict=True) if shown else ():
        with tab:
            st.dataframe(table, hide_index=True, placeholder="", alt=f"{name} as the report tells them")
            evidence.download(table, f"report.table.{name}", f"report-{name.lower().replace(' ', '-')}.csv")
    _results(summary["results"])


def _fresh(name, taken):
    return name if name not in taken else f"{name} {sum(one.startswith(name) for one in taken) + 1}"


def _frame(table):
    """A table of the report; short rows are filled up, and texts stand as pages word them."""
    from soilcore.reporting.tables import told

    width = len(table["head"])
    rows = [[in_page(told(cell)) for cell in (*row, *[None] * (width - len(row)))] for row in table["rows"]]
    return pd.DataFrame(rows, columns=table["head"])


def _drivers(driver):
    unit = f" ({driver['unit']})" if driver["unit"] else ""
    return pd.DataFrame([{"Driver": row["name"], f"{driver['how'].capitalize()}{unit}": f"{row['value']:.3g}"} for row in driver["rows"]])


def _results(results):
    """What else was made of the map, each folded."""
    if not results:
        st.caption("Explanations, changes, scenarios, fields and advice join the report once they are made.")
        return
    st.markdown("**Further results in it**")
    for number, result in enumerate(results):
        with st.expander(messages.plain(result["title"]), icon=":material/description:", type="compact"):
            for sentence in filter(None, result["sentences"]):
                st.markdown(f"- {messages.plain(in_page(sentence))}")
            for table in result["tables"]:
                st.markdown(messages.plain(table["name"].capitalize()))
                frame = pd.DataFrame([[None if cell is None else str(cell) for cell in row] for row in table["rows"]], columns=table["columns"])
                st.dataframe(frame, hide_index=True, placeholder="", alt=f"{table['name']} of result {number + 1}")
                if table["more"]:
                    st.caption(f"{table['more']} further rows stand in the files of the result.")


def methods(summary):
    """The paragraph for a paper, to copy, with the works it cites."""
    told = summary["methods"]
    st.code(told["paragraph"], language=None, wrap_lines=True)
    references = told["references"]
    if references:
        st.markdown("**References**")
        st.markdown("\n".join(f"{number}. {messages.plain(row['text'])}{_link(row['doi'])}" for number, row in enumerate(references, 1)))
    listed = [f"{row['text']} {_DOI + row['doi'] if row['doi'] else ''}".strip() for row in references]
    text = "\n".join([told["paragraph"], "", "References", *listed, ""])
    st.download_button(
        "Paragraph and references (text)", text, "methods.txt", "text/plain", icon=":material/download:", key="report.methods", on_click="ignore"
    )
    st.caption(
        "Written from what was really run. Read it before you sign it, and add what only you know: the purpose, the field work, the laboratory."
    )


def _link(doi):
    return f" [{doi}]({_DOI}{doi})" if doi else ""


def protocol(summary):
    """The modelling protocol, filled in as far as a run can tell."""
    rows = summary["protocol"]
    table = pd.DataFrame(
        [{"Section": row["section"], "Element": row["element"], "What was done": in_page(row["value"]) if row["value"] else _OPEN} for row in rows]
    )
    open_ = sum(row["value"] is None for row in rows)
    st.caption(
        f"The elements of ODMAP (Zurell et al. 2020), read for soil maps: {len(rows) - open_} of {len(rows)} are filled in from the run, "
        f"{open_} only the author can tell."
    )
    st.table(table.set_index("Section"), alt="The modelling protocol, element by element")
    evidence.download(table, "report.protocol", "protocol.csv", "Protocol as CSV")
