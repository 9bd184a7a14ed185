"""Maps of several dates on one map: a slider through the years, and a button that plays them."""

from branca.element import MacroElement
from folium.template import Template

from pages.ui import explore_parts, mapparts, maps, result_map, routes


class YearSlider(MacroElement):
    """A slider with a play button over layers of which one is shown; the one before goes when the next one's picture has come.

    Parameters
    ----------
    years : list of dict
        ``{"label", "tiles" or "picture", "bounds", "opacity"}`` in the order of time; the last one is shown at first.
    legend : dict
        ``{"title", "kind", "entries"}`` that all of them share.
    ground : dict or None
        What lies under them.
    what : str
        What the slider is called for those who hear the page.
    """

    _template = Template("""{% macro script(this, kwargs) %}
    (function () {
      const map = {{ this._parent.get_name() }}, years = {{ this.years|tojson }}, legend = {{ this.legend|tojson }}, ground = {{ this.ground|tojson }};
      const make = (tag, style, text, into) => {
        const element = document.createElement(tag);
        element.style.cssText = style;
        if (text) element.textContent = text;
        if (into) into.append(element);
        return element;
      };
      const layerOf = (one, more) => one.picture ? L.imageOverlay(one.picture, one.bounds, more)
        : L.tileLayer(one.tiles, {maxZoom: 24, maxNativeZoom: 20, bounds: one.bounds, ...more});
      if (ground) {
        map.createPane('ground').style.zIndex = 180;
        layerOf(ground, {pane: 'ground'}).addTo(map);
      }
      let now = years.length - 1, timer = null, opacity = years[now].opacity;
      const layers = years.map(() => null), at = number => layers[number] || (layers[number] = layerOf(years[number], {opacity: opacity}));
      const control = L.control({position: 'bottomright'});
      control.onAdd = () => {
        const box = make('div', 'background: rgba(255,255,255,.95); color: #17211c; padding: 8px 10px; border-radius: 4px; box-sizing: border-box; ' +
          'font: 12px/1.45 sans-serif; width: min(260px, 74vw); box-shadow: 0 1px 4px rgba(0,0,0,.35)');
        box.className = 'soilcore-years';
        L.DomEvent.disableClickPropagation(box);
        L.DomEvent.disableScrollPropagation(box);
        const head = make('div', 'display: flex; align-items: center; gap: 10px', '', box);
        const play = make('button', 'flex: none; width: 36px; height: 32px; cursor: pointer; border: 1px solid #777; border-radius: 4px; ' +
          'background: #fff; color: #17211c; padding: 0', '', head);
        play.type = 'button';
        const name = make('output', 'font-size: 20px; font-weight: 600', '', head);
        name.setAttribute('aria-live', 'polite');
        const slider = make('input', 'width: 100%; margin: 6px 0 0', '', box);
        slider.type = 'range'; slider.min = 0; slider.max = years.length - 1; slider.step = 1; slider.value = now;
        slider.className = 'year';
        slider.setAttribute('aria-label', {{ this.what|tojson }});
        const ends = make('div', 'display: flex; justify-content: space-between; font-size: 11px; color: #51605a', '', box);
        make('span', '', years[0].label, ends);
        make('span', '', years[years.length - 1].label, ends);
        const label = make('label', 'display: block; margin-top: 2px', 'Opacity', box), strength = make('input', 'width: 100%', '', label);
        strength.type = 'range'; strength.min = 0; strength.max = 1; strength.step = .05; strength.value = opacity;
        strength.className = 'opacity';
        strength.setAttribute('aria-label', 'Opacity of the map');
        strength.oninput = () => { opacity = +strength.value; layers.forEach(layer => layer && layer.setOpacity(opacity)); };
        const key = make('details', '', '', box);
        key.open = map.getSize().x > 520;
        make('summary', 'cursor: pointer; font-weight: 600', legend.title, key);
        if (legend.kind === 'continuous') {
          const bar = make('div', 'height: 12px; margin: 3px 0; border: 1px solid #777', '', key);
          bar.style.background = 'linear-gradient(to right, ' + legend.entries.map(entry => entry[0]).join(', ') + ')';
          const ticks = make('div', 'display: flex; justify-content: space-between; gap: 8px', '', key), last = legend.entries.length - 1;
          for (const number of [0, last / 2, last]) make('span', '', legend.entries[number][1], ticks);
        } else for (const [colour, text] of legend.entries) {
          const line = make('div', 'display: flex; align-items: center; gap: 6px', '', key);
          make('span', 'flex: none; width: 16px; height: 12px; border: 1px solid #777; background: ' + colour, '', line);
          make('span', '', text, line);
        }
        const show = number => {
          now = number;
          slider.value = number;
          slider.setAttribute('aria-valuetext', years[number].label);
          name.textContent = years[number].label;
          const layer = at(number), drop = () => layers.forEach((other, i) => { if (other && i !== now) other.remove(); });
          if (map.hasLayer(layer)) return drop();
          layer.once('load', () => setTimeout(drop));  // not from within its own event, which still needs its map
          setTimeout(drop, 1000);  // one that the browser has kept may not say that it has come
          layer.setOpacity(opacity);
          layer.addTo(map);
        };
        const stop = () => {
          clearInterval(timer);
          timer = null;
          play.textContent = '▶';
          play.setAttribute('aria-label', 'Play the dates');
        };
        play.onclick = () => {
          if (timer) return stop();
          play.textContent = '❚❚';
          play.setAttribute('aria-label', 'Stop playing');
          if (now === years.length - 1) show(0);
          timer = setInterval(() => { if (now >= years.length - 1) stop(); else show(now + 1); }, 1300);
        };
        slider.oninput = () => { stop(); show(+slider.value); };
        stop();
        show(now);
        return box;
      };
      control.addTo(map);
    })();{% endmacro %}""")

    def __init__(self, years, legend, ground, what):
        super().__init__()
        self._name = "YearSlider"
        self.years, self.legend, self.ground, self.what = years, legend, ground, what


def show(shown, key, title, what):
    """Draw rasters of several dates, one at a time.

    Parameters
    ----------
    shown : sequence of maps.Shown
        In the order of time, each with its date as label; all with the same colours.
    key : str
        Name of the view.
    title : str
        Head of the legend.
    what : str
        What the slider is called.

    Returns
    -------
    tuple of float or None
        (longitude, latitude) of the last click.
    """
    map_ = maps.based_map()
    map_.add_child(mapparts.Graticule())
    bounds = maps.bounds_of(shown, ())
    map_.add_child(explore_parts.WholeMap(bounds))
    years = [{"label": one.label, **result_map.source(one)} for one in shown]
    ground = next(iter(result_map.grounds()), None)
    map_.add_child(YearSlider(years, {**shown[-1].legend, "title": title}, ground, what))
    if routes.are_served:
        told = [[one.label, [maps.value_address(one.layer)]] for one in shown]
        map_.add_child(explore_parts.Reader(told, about=f"{title}, on one of {len(shown)} dates."))
    map_.add_child(mapparts.View(bounds, key))
    return maps.clicked_on(map_, key)
