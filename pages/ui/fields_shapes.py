"""Fields on a map: their outlines, filled by what is known of each; a click says it.

As in `mapparts`, nothing here asks the server to draw the page again, and texts from files reach the page as text nodes only.
"""

from dataclasses import dataclass

import streamlit as st
from branca.element import MacroElement
from folium.template import Template

from pages.ui import cached

MOST_DRAWN = 3000
_DIGITS = 6  # of degrees: a tenth of a metre


@dataclass(frozen=True)
class Outlines:
    """Outlines of fields in degrees, in the order of their file.

    Parameters
    ----------
    rings : list
        Of each field its polygons, of each polygon its rings, of each ring its corners (latitude, longitude); empty where there is nothing.
    frame : geopandas.GeoSeries
        The shapes themselves, longitude and latitude.
    """

    rings: list
    frame: object

    def bounds(self, numbers):
        """((south, west), (north, east)) of some fields, None where there are none; a field that lies far off need not be seen."""
        if not numbers:
            return None
        west, south, east, north = (float(edge) for edge in self.frame.iloc[list(numbers)].total_bounds)
        return (south, west), (north, east)

    def at(self, lon, lat):
        """Number of the field at a place, or None."""
        from shapely.geometry import Point

        found = self.frame.sindex.query(Point(lon, lat), predicate="intersects")
        return int(found[0]) if len(found) else None


def read(path, layer=None):
    """Outlines of fields: of a result's GeoPackage, or of boundaries."""
    return _read(cached.stamp(path), layer, path)


@st.cache_resource(max_entries=8, show_spinner="Reading the fields ...")
def _read(stamp, layer, _path):
    from soilcore.data.regions import read_vector

    shapes = read_vector(_path, "fields", layer).geometry.to_crs(4326)
    return Outlines([_rings(shape) for shape in shapes], shapes)


def _rings(shape):
    parts = getattr(shape, "geoms", [shape]) if shape is not None else []
    return [[_corners(ring) for ring in (one.exterior, *one.interiors)] for one in parts if one.geom_type == "Polygon" and not one.is_empty]


def _corners(ring):
    return [(round(float(y), _DIGITS), round(float(x), _DIGITS)) for x, y, *_ in ring.coords]


class Shapes(MacroElement):
    """What several colourings of the same fields share: ``[rings, name, [(label, text), ...]]`` of each."""

    _template = Template("""{% macro script(this, kwargs) %}
    const {{ this.get_name() }} = {{ this.entries|tojson }};{% endmacro %}""")

    def __init__(self, entries):
        super().__init__()
        self._name = "Shapes"
        self.entries = entries


class Colouring(MacroElement):
    """Fields filled with colours, null for one of which nothing is known; a layer of the panel.

    Parameters
    ----------
    shapes : Shapes
    colors : list of str or None
        ``#rrggbb``, in the order of the shapes.
    texts : list of str
        What the pointer says of each beside its name.
    popup : bool
        Whether a click tells all that is known of a field.
    opacity : float
        0 for outlines only.
    """

    _template = Template("""{% macro script(this, kwargs) %}
    const {{ this.get_name() }} = (function () {
      const entries = {{ this.shapes.get_name() }}, colors = {{ this.colors|tojson }}, texts = {{ this.texts|tojson }};
      const map = {{ this._parent.get_name() }}, group = L.featureGroup(), filled = {{ this.opacity|tojson }}, make = (tag, text, into) => {
        const element = document.createElement(tag);
        if (text) element.textContent = text;
        if (into) into.append(element);
        return element;
      };
      group.options = {opacity: filled};
      group.setOpacity = value => group.setStyle({fillOpacity: value});
      group.on('add', () => group.bringToBack());
      entries.forEach(([rings, name, rows], number) => {
        if (!rings.length) return;
        const known = colors[number] !== null;
        const shape = L.polygon(rings, {color: '#17211c', weight: known ? 1 : 1.5, opacity: .75, dashArray: known ? null : '4 4',
          fillColor: known ? colors[number] : '#ffffff', fillOpacity: filled, bubblingMouseEvents: true});
        const words = make('span', '');
        if (name) make('b', name, words);
        if (texts[number]) words.append(': ' + texts[number]);
        if (name) shape.bindTooltip(words, {sticky: true});
        // not bindPopup: it would keep the click from the map, and so from the page
        if ({{ this.popup|tojson }}) shape.on('click', event => {
          const box = make('div', '');
          box.style.cssText = 'font: 13px/1.45 sans-serif';
          make('b', name, box);
          for (const [label, text] of rows) { const row = make('div', label + ': ', box); make('b', text, row); }
          shape.closeTooltip();
          L.popup({maxWidth: Math.min(300, map.getSize().x - 60), autoPanPaddingTopLeft: [50, 10]}).setLatLng(event.latlng).setContent(box).openOn(map);
        });
        shape.addTo(group);
      });
      {% if this.alone %}group.addTo(map);{% endif %}
      return group;
    })();{% endmacro %}""")

    def __init__(self, shapes, colors, texts, popup=True, opacity=0.8, alone=False):
        super().__init__()
        self._name = "Colouring"
        self.shapes, self.colors, self.texts, self.popup, self.opacity, self.alone = shapes, colors, texts, popup, opacity, alone


class About(MacroElement):
    """What a map shows, in one sentence, for those who do not see it."""

    _template = Template("""{% macro script(this, kwargs) %}
    (function () {
      const box = {{ this._parent.get_name() }}.getContainer();
      box.setAttribute('role', 'region');
      box.setAttribute('aria-label', {{ this.text|tojson }} + ' Arrow keys move it, plus and minus zoom.');
    })();{% endmacro %}""")

    def __init__(self, text):
        super().__init__()
        self._name = "About"
        self.text = text


class Numbered(MacroElement):
    """Places with their number in a circle, large enough for a thumb; places are (latitude, longitude, number, text)."""

    _template = Template("""{% macro script(this, kwargs) %}
    const {{ this.get_name() }} = (function () {
      const group = L.layerGroup();
      for (const [lat, lon, number, text] of {{ this.places|tojson }}) {
        const sign = document.createElement('div'), words = document.createElement('span');
        sign.textContent = number;
        sign.style.cssText = 'box-sizing: border-box; min-width: 22px; height: 22px; padding: 0 3px; border: 2px solid #000; border-radius: 11px; text-align: center; ' +
          'background: #ffb74d; color: #000; font: 700 12px/18px sans-serif';
        words.textContent = text;
        L.marker([lat, lon], {icon: L.divIcon({className: '', html: sign, iconSize: [22, 22]}), title: '', alt: text, keyboard: true, zIndexOffset: 1000 - number})
          .bindTooltip(words).addTo(group);
      }
      return group.addTo({{ this._parent.get_name() }});
    })();{% endmacro %}""")

    def __init__(self, places):
        super().__init__()
        self._name = "Numbered"
        self.places = places


def add(shapes, colourings, popup=True):
    """Elements for a map: the shapes once, and one layer per colouring.

    Parameters
    ----------
    shapes : Shapes
    colourings : sequence of fields_colours.Colours

    Returns
    -------
    list of (element, legend or None)
    """
    return [(shapes, None), *((Colouring(shapes, one.colors, one.texts, popup), one.legend) for one in colourings)]
